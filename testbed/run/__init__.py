"""One run: start it, follow it until it has drained, judge it and report."""
