"""One run: start, follow, wait until drained, judge and report."""
