"""What exists once in the monitor's process; the ASGI application starts and stops it."""

from monitor.live.heartbeats import HeartbeatEndpoint, HeartbeatWriter
from monitor.live.hub import Hub
from monitor.live.keys import Keys
from monitor.live.metrics import STREAM_CLIENTS
from monitor.live.stream import stream_view

keys = Keys()
hub = Hub()
heartbeat_writer = HeartbeatWriter()
heartbeat_endpoint = HeartbeatEndpoint(heartbeat_writer, keys)
stream = stream_view(hub, keys)
STREAM_CLIENTS.set_function(lambda: len(hub.clients))
