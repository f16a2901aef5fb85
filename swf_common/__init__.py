"""The ground that command, agents, monitor and supervisor stand on. It knows none of them.

`protocol/` is what crosses the wire, `histograms` the form in which counts are sent, `broker/` the
connection that carries messages, `configuration/` the way from testbed.toml to the values of a run,
`service/` what a long-running program needs.
"""

__version__ = "0.3.0"
