"""The program example-fast-processing-agent."""
