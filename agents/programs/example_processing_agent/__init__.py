"""The program example-processing-agent."""
