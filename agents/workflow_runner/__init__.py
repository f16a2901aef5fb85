"""What the workflow-runner is made of: the DAQ that workflows steer, the simulated clock, and
the records of an execution. The program itself is `agents/programs/workflow_runner.py`.
"""
