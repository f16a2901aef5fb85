"""What programs share at work: settings, signals, state file, logs, monitor client, actions."""
