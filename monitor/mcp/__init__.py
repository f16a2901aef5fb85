"""The MCP server at `/mcp/`: the testbed for language models, one module a category of tools.

A tool is a plain function; its docstring and its annotations are all that a model sees of it.
"""
