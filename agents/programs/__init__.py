"""One package an agent program: its agent.py, and the parts that only it needs.

The package carries the name of the Compose service, with underscores.
"""
