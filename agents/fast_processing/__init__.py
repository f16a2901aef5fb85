"""Parts of the agents of the fast path: records of workers, runs and slices at the monitor."""
