"""A testbed as a whole: its session, start, status, and the other testbeds of this host."""
