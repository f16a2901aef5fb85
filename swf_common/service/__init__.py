"""What each long-running program needs: settings, signals, state file, client of the monitor."""
