"""Commands from the monitor to the agents, and their replies."""
