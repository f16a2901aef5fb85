"""What the monitor does when somebody asks: commands to the runner and the supervisor, and their
replies. REST, the MCP server and the pages call it; who may is theirs to decide.
"""
