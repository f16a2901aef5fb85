"""The containers of one project: the port through which the command observes and acts on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from swf_common.errors import BackendError
from testbed.engine.inspection import Container, LifeEvent


class EngineUnavailable(BackendError):
    """No Docker engine answers: {cause}"""

    hint = "On Debian as root, setup/engine.sh installs and starts one; else see docs/install.md."


class EngineRefused(BackendError):
    """The Docker engine refused: {cause}"""


class PullFailed(BackendError):
    """{image} cannot be pulled: {cause}"""


class MountRefused(BackendError):
    """The engine cannot mount {source}: {cause}"""


@dataclass(frozen=True)
class Evidence:
    """What a container shows of its failure."""

    last_probe: str
    log_lines: tuple[str, ...]


class Containers(Protocol):
    """What the command asks of the engine about one project's containers."""

    def all(self) -> list[Container]:
        """Every container of the project, whatever its state."""

    def evidence(self, container_id: str, lines: int = 10) -> Evidence:
        """Last health-probe output and log lines of a container."""

    def published_port(self, service: str, port: int) -> tuple[str, int] | None:
        """Host address and port through which a service's port is reached."""

    def publisher(self, port: int) -> str | None:
        """The name of a container, of any project, that has a port of the host."""

    def start(self, container_id: str) -> None:
        """Start a stopped container.

        :raises EngineRefused: it is gone, or cannot be started
        """

    def unpause(self, container_id: str) -> None:
        """Let a paused container go on."""

    def kill(self, container_id: str) -> None:
        """End a container at once; its restart policy does not bring it back.

        :raises EngineRefused: it does not run
        """

    def now(self) -> datetime:
        """The engine's time, by which it dates events and starts."""

    def events(self, since: datetime) -> list[LifeEvent]:
        """Starts, deaths, pauses and shortages of memory of the project's containers, oldest first.

        The engine keeps the last few hundred events of all containers.
        """

    def stop(self, container_id: str) -> None:
        """Stop a container gracefully, within the grace period that it was made with."""

    def execute(self, container_id: str, command: Sequence[str]) -> tuple[int, str]:
        """Run a command in a running container; its exit code and output."""

    def image_exists(self, name: str) -> bool:
        """Whether the engine has an image."""

    def pull(self, name: str) -> None:
        """Pull an image.

        :raises PullFailed: it cannot be
        """

    def run_probe(
        self, image: str, source: Path, command: Sequence[str], group: str = "0"
    ) -> tuple[int, str]:
        """Run a command as the supervisor's user, who sees a path of the engine's host at /seen.

        The container is removed afterwards.

        :return: exit code and output
        :raises MountRefused: the engine cannot give the path to a container
        """

    def folders(self) -> set[str]:
        """The folders from which the project's containers were created."""
