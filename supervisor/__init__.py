"""The supervisor: starts, stops, restarts and kills the agents of its own testbed, on command.

The one container with the Docker socket (decision 0012). It stands on `swf_common` alone.
"""
