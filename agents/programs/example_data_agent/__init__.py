"""The program example-data-agent."""
