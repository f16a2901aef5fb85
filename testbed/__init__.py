"""The `testbed` command, on the host.

From the bottom: `output/` prints; `project` is one testbed's folders; `engine/` drives Docker and
Compose; `monitor_client/` asks the monitor; `gate/` waits for READY; `stack/` brings a testbed up;
`run/` follows one run to its verdict; `doctor/` looks at the machine; `commands/` parses.
"""
