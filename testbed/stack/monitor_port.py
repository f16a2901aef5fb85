"""The port of this host under which the monitor is reached.

The command chooses it before anything is started, and remembers it: pages that are open live on
when the monitor's container is made new. A port that the user names wins.
"""

from __future__ import annotations

import errno
import os
import random
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from swf_common.errors import ConfigurationError
from testbed.engine.endpoint import Place, find_engine
from testbed.output import console
from testbed.project import Project, read_env

CHOSEN = "TESTBED_MONITOR_PORT"
KEPT = "TESTBED_KEPT_MONITOR_PORT"
"""Variables of compose.yaml: the user's, and the one that the command remembers."""
MEMO = "monitor-port"
HOST = "127.0.0.1"
CANDIDATES = range(20000, 32768)
"""Below the ports of outgoing connections, so that none takes it while the monitor is down."""
TRIES = 200


def is_bound(port: int) -> bool:
    """Whether something on this host listens at a port.

    A port that this user may not bind is the engine's to judge: it is root.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def engine_is_here() -> bool:
    """Whether the engine publishes ports on this host, so that they can be looked at."""
    return find_engine().place != Place.ELSEWHERE


def settle(
    project: Project,
    publisher: Callable[[int], str | None],
    published: tuple[str, int] | None,
    is_bound: Callable[[int], bool] = is_bound,
) -> int:
    """Choose the port: the user's, else the one that the monitor has or had, else a free one.

    :param publisher: the name of a container that has a port of the host
    :param published: where the project's own monitor is published now
    :return: the port that is remembered from now on; 0: the engine takes any
    :raises ConfigurationError: the user's is taken, or is not a port
    """

    def holder(port: int) -> str | None:
        container = publisher(port)
        if container is not None:
            return f"the container {container}"
        return "a program of this host" if engine_is_here() and is_bound(port) else None

    own, had = published[1] if published else 0, remembered(project.folder)
    choice = user_choice(project.root)
    if choice is not None:
        port = choice.port
        if port and port != own:
            _demand_free(choice, holder(port))
    else:
        port = own or had
        other = holder(port) if port and port != own else None
        if other:
            console.note(
                f"Port {port}, which the monitor had, is taken by {other}: it gets another one. "
                "Open your pages again: testbed open"
            )
        if (other or not port) and engine_is_here():
            port = _free_port(project.folder, lambda one: bool(holder(one)))
    if port and port != had:
        project.folder.mkdir(parents=True, exist_ok=True)
        (project.folder / MEMO).write_text(f"{port}\n")
    return port or had


@dataclass(frozen=True)
class Choice:
    """What the user says of the port.

    :param place: where
    """

    text: str
    place: str

    @property
    def port(self) -> int:
        """The port; 0: the engine takes any, each time another one.

        :raises ConfigurationError: it is not a port
        """
        if not self.text.isdecimal() or int(self.text) >= 2**16:
            raise ConfigurationError(
                place=self.place,
                problem=f"{CHOSEN}={self.text} is not a port",
                hint="A port is a number from 1 to 65535. Without one a free port is chosen.",
            )
        return int(self.text)


def user_choice(root: Path, environment: Mapping[str, str] = os.environ) -> Choice | None:
    """The port that the user names: in the environment, else in .env."""
    if environment.get(CHOSEN):
        return Choice(environment[CHOSEN], "the environment")
    text = read_env(root / ".env", CHOSEN).strip("\"'")
    return Choice(text, str(root / ".env")) if text else None


def remembered(folder: Path) -> int:
    """The port that a namespace's monitor had; 0 when it had none.

    :param folder: what belongs to the namespace alone
    """
    try:
        port = int((folder / MEMO).read_text())
    except (OSError, ValueError):
        return 0
    return port if 0 < port < 2**16 else 0


def _demand_free(choice: Choice, holder: str | None) -> None:
    if holder is not None:
        raise ConfigurationError(
            place=choice.place,
            problem=f"{CHOSEN}={choice.port}: the port is taken on {HOST} by {holder}",
            hint=f"Nothing was started. Choose another {CHOSEN}, or none: then a free port is "
            f"chosen and kept. Who has it: ss -ltnp 'sport = :{choice.port}'",
        )


def _free_port(folder: Path, taken: Callable[[int], bool]) -> int:
    """A free port that no other namespace of the checkout remembers; 0 when none is found, so
    that the engine takes any.
    """
    avoided = {remembered(file.parent) for file in folder.parent.glob(f"*/{MEMO}")}
    candidates = (port for port in random.sample(CANDIDATES, TRIES) if port not in avoided)
    return next((port for port in candidates if not taken(port)), 0)
