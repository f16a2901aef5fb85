"""One module a command: it parses, calls what does the work, and prints. Nothing else.

Heavy packages are imported inside the functions that need them, so that `testbed --help` and
mistakes in a configuration answer at once.
"""
