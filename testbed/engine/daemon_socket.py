"""The engine's socket as the supervisor gets it, and the group that may use it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from testbed.engine.endpoint import Place, find_engine

SOCKET = "TESTBED_ENGINE_SOCKET"
GROUP = "TESTBED_ENGINE_GROUP"


def socket_variables(
    environment: Mapping[str, str] = os.environ, written: str = ""
) -> dict[str, str]:
    """The variables of compose.yaml that give the supervisor its socket; the user's own win.

    The path is one on the engine's host: where that is a virtual machine or another host, it is
    the usual one there. A socket that does not belong to root is that of a rootless engine: its
    containers see it as root's, so that the group is 0 there.

    :param written: the group in .env: in a virtual machine or on another host only a container
        can find it out (`testbed.engine.reach`), and what it found is kept there
    :raises NoSuchContext: the context that is named does not exist
    """
    named = environment.get(SOCKET)
    engine = find_engine(environment)
    socket = Path(named) if named else engine.bound_socket
    group = written or "0"
    if engine.place == Place.HERE:
        try:
            owner = socket.stat()
        except OSError:  # it is not there: `testbed doctor` says so
            group = "0"
        else:
            group = str(owner.st_gid if owner.st_uid == 0 else 0)
    return {
        SOCKET: str(socket),
        GROUP: environment.get(GROUP) or group,
    }
