"""What programs share at work: settings, signals, state file, the monitor's client, actions."""
