"""Commands to the runner, the supervisor and the broker, and their replies. REST, the MCP server
and the pages call them, and decide who may.
"""
