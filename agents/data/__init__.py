"""The data of a run: time frames, their files, and what is computed from them.

Pure functions and thin file I/O, without broker, monitor or agent. `files`, `sampling` and
`slicing` import nothing heavy; the others import numpy, and `frame_file` imports uproot.
"""
