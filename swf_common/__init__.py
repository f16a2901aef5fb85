"""The ground that command, agents, monitor and supervisor stand on. It knows none of them.

`protocol/` is what crosses the wire, `broker/` the connection that carries it, `configuration/`
the way from testbed.toml to the values of a run, `service/` what a long-running program needs.
"""

__version__ = "0.2.0"
