"""The agents: `runtime/` is BaseAgent and all that it does for an agent, `programs/` one module
an agent program, `workflow_runner/` the program that runs workflows, `data/` time frames, their
files and what is computed from them.

A new agent is a module under `programs/`, a service in compose.yaml and a section in
testbed.toml (docs/writing-an-agent.md).
"""
