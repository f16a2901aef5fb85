"""What is asked of the records, one module a noun. REST, MCP and pages give these answers; none of
them asks the same question in words of its own.
"""
