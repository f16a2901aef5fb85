"""What a long-running program needs: settings, signals, state file, logs, monitor client."""
