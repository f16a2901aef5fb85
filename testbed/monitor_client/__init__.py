"""The client of the monitor: its REST interface, and questions inside its container."""
