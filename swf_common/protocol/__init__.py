"""What crosses the wire: states, messages, heartbeat and destinations.

Imported by the command, the agents and the monitor; imports none of them. A change here is
a change of the contract: it needs a decision record and a changelog entry.
"""
