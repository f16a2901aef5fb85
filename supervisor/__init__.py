"""The supervisor: starts, stops, restarts and kills the agents of its own testbed, on command.

The one container with the Docker socket (decision 0012): nothing else of the project
talks to the engine from within a container.
"""
