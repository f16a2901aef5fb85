"""What answers on the event loop of the monitor's process: heartbeats, the stream, metrics.

`monitor.live.process` holds the parts that exist once in the process.
"""
