"""What is wrong with this machine for a testbed, and what to do next."""
