"""The `testbed` command: configuration, plan, Compose, gate, run and report (host side).

`protocol/` is what crosses the wire and `configuration/` the resolver; agents and the
monitor may import these two (and `errors`), nothing else from here.
"""

__version__ = "0.1.0"
