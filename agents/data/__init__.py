"""The data of a run: time frames, their files, and what is computed from them.

Pure functions and thin file I/O, without broker, monitor or agent. `files` and `slicing` import
nothing heavy, the others numpy; `root_file` imports uproot and `histograms` boost-histogram.
"""
