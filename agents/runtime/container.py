"""Which container this process runs in: the id that Docker knows it by."""

from __future__ import annotations

import re
import socket
from pathlib import Path

_FULL_ID = re.compile(r"/containers/([0-9a-f]{64})/")
_SHORT_ID = re.compile(r"^[0-9a-f]{12}$")


def container_id(
    mountinfo: Path = Path("/proc/self/mountinfo"), hostname: str | None = None
) -> str | None:
    """The id, 64 hex digits, or 12 where only the host name is known; None outside a container.

    The engine binds the container's own hostname and resolv.conf files from a folder named by the
    full id, on cgroup v1 and v2 alike.
    """
    try:
        match = _FULL_ID.search(mountinfo.read_text())
    except OSError:
        match = None
    if match:
        return match[1]
    name = socket.gethostname() if hostname is None else hostname
    return name if _SHORT_ID.match(name) else None
