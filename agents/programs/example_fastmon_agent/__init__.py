"""The program example-fastmon-agent."""
