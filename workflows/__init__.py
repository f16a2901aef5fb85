"""The workflows: one .py a workflow, and the .toml configurations that it can run with.

A workflow is a module with one generator function `workflow(env, daq)`: it waits on the SimPy
environment and steers the DAQ (docs/writing-a-workflow.md).
"""
