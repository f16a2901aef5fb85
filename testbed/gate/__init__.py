"""The gate: what has to run, which of it has proved that it is READY, and the wait for that."""
