"""Where the engine's socket is, and which group may use it: what the supervisor needs to know."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

USUAL_SOCKET = "/var/run/docker.sock"
SCHEME = "unix://"


def socket_variables(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables of compose.yaml that give the supervisor its socket; the user's own win.

    A socket that does not belong to root is that of a rootless engine or of Docker Desktop: its
    containers see it as root's, so that the group is 0 there.
    """
    host = environment.get("DOCKER_HOST", "")
    socket = host.removeprefix(SCHEME) if host.startswith(SCHEME) else USUAL_SOCKET
    socket = environment.get("TESTBED_ENGINE_SOCKET") or socket
    try:
        found = Path(socket).stat()
    except OSError:  # the engine is elsewhere: nobody here knows its group
        group = 0
    else:
        group = found.st_gid if found.st_uid == 0 else 0
    return {
        "TESTBED_ENGINE_SOCKET": socket,
        "TESTBED_ENGINE_GROUP": environment.get("TESTBED_ENGINE_GROUP") or str(group),
    }
