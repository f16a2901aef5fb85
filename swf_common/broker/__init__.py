"""The connection to the broker, and confirmed sends over it (stomp.py).

For agents, monitor and supervisor; the command never talks to the broker.
"""
