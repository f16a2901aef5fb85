"""The program workflow-runner: the simulated DAQ and clock, and the records of an execution."""
