"""The agents: `runtime/` is BaseAgent and all that it does for an agent, `data/` time frames, their
files and what is computed from them, `programs/` one package an agent program.

A new agent is a package under `programs/`, a service in compose.yaml and a section in testbed.toml
(docs/writing-an-agent.md).
"""
