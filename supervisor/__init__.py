"""The supervisor: starts, stops, restarts and kills the agents of its own testbed, on command.

The one container with the Docker socket (decision 0012). Imports of the project only
`swf_common.protocol` and `swf_common.errors`; nothing else of the project talks to the engine from
within a container.
"""
