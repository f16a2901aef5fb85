"""What exists once in the monitor's process; the ASGI application starts and stops it."""

from monitor.live.admission import Admission
from monitor.live.callers import Callers
from monitor.live.health import Checks, Health
from monitor.live.heartbeats import HeartbeatEndpoint, HeartbeatWriter
from monitor.live.hub import Hub
from monitor.live.metrics import STREAM_CLIENTS
from monitor.live.stream import StreamEndpoint

admission = Admission(Callers())
hub = Hub()
heartbeat_writer = HeartbeatWriter()
heartbeat_endpoint = HeartbeatEndpoint(heartbeat_writer, admission)
stream_endpoint = StreamEndpoint(hub, admission)
health = Health(admission, Checks())
STREAM_CLIENTS.set_function(lambda: len(hub.clients))
