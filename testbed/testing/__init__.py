"""Fakes of what the command works with: Compose, the engine and the monitor, all in memory.

They stand behind the ports of the real ones and keep their promises, so that whatever uses a
port can be tested without Docker. Time passes only when somebody sleeps on a `FakeClock`.
"""

from testbed.testing.clock import EPOCH, FakeClock
from testbed.testing.containers import FakeContainers
from testbed.testing.host import FakeCompose, FakeHost
from testbed.testing.images import FakeImages
from testbed.testing.monitor import FakeMonitor, new_progress

__all__ = [
    "EPOCH",
    "FakeClock",
    "FakeCompose",
    "FakeContainers",
    "FakeHost",
    "FakeImages",
    "FakeMonitor",
    "new_progress",
]
