"""The Docker engine behind its socket, through the docker SDK."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import docker
from docker.errors import APIError, DockerException, NotFound

from supervisor.engine import AgentContainer, Engine, EngineUnavailable
from swf_common.protocol.labels import (
    AGENT_LABEL,
    ONE_OFF_LABEL,
    PROJECT_LABEL,
    ROLE_LABEL,
    SERVICE_LABEL,
    STAGES_LABEL,
)
from swf_common.service.actions import ActionFailed

SOCKET = "unix:///var/run/docker.sock"
NEVER = "0001-01-01T00:00:00Z"
ENGINE_TIMEOUT_S = 15
"""Seconds that the engine may take to answer; for a stop, on top of the stop's own time."""
USUAL_STOP_TIMEOUT = 10
"""What the engine takes for a container whose service says nothing."""


@contextmanager
def _errors() -> Iterator[None]:
    """Turn errors into ours; a refusal keeps the engine's words."""
    try:
        yield
    except APIError as error:
        raise ActionFailed(what=f"the engine says: {error.explanation or error}") from error
    except (DockerException, OSError) as error:  # what requests raises is an OSError
        raise EngineUnavailable(cause=str(error)) from error


class DockerEngine(Engine):
    """The agents of one Compose project.

    :param project: the project's name
    """

    def __init__(self, project: str, socket: str = SOCKET) -> None:
        self._labels = {PROJECT_LABEL: project, ROLE_LABEL: "agent", ONE_OFF_LABEL: "False"}
        self._socket = socket

    @cached_property
    def _client(self) -> docker.APIClient:
        """The connection; while the engine does not answer, access fails and is tried again."""
        return docker.APIClient(self._socket, timeout=ENGINE_TIMEOUT_S)

    @_errors()
    def ping(self) -> None:
        self._client.ping()

    @_errors()
    def agents(self) -> list[AgentContainer]:
        labels = [f"{name}={value}" for name, value in self._labels.items()]
        listed = self._client.containers(all=True, filters={"label": labels})
        containers = [self._inspect(summary["Id"]) for summary in listed]
        return sorted((one for one in containers if one is not None), key=lambda one: one.name)

    def inspect(self, container: AgentContainer) -> AgentContainer | None:
        return self._inspect(container.container_id)

    @_errors()
    def start(self, container: AgentContainer) -> None:
        self._client.start(container.container_id)

    @_errors()
    def unpause(self, container: AgentContainer) -> None:
        self._client.unpause(container.container_id)

    @_errors()
    def stop(self, container: AgentContainer, timeout: int | None) -> None:
        self._client.stop(container.container_id, container.grace(timeout))

    @_errors()
    def restart(self, container: AgentContainer, timeout: int | None) -> None:
        self._client.restart(container.container_id, container.grace(timeout))

    @_errors()
    def kill(self, container: AgentContainer) -> None:
        self._client.kill(container.container_id, "SIGKILL")

    @_errors()
    def _inspect(self, container_id: str) -> AgentContainer | None:
        try:
            details = self._client.inspect_container(container_id)
        except NotFound:
            return None
        labels = details["Config"]["Labels"] or {}
        if any(labels.get(name) != value for name, value in self._labels.items()):
            return None
        return read_container(details)


def read_container(details: Any) -> AgentContainer:
    """A container from what `inspect` says."""
    state, config = details["State"], details["Config"]
    started = state.get("StartedAt") or NEVER
    stop_timeout = config.get("StopTimeout")
    labels = config["Labels"]
    return AgentContainer(
        program=labels[SERVICE_LABEL],
        container_id=details["Id"],
        name=details["Name"].lstrip("/"),
        state=state["Status"],
        exit_code=state.get("ExitCode", 0),
        started_at="" if started == NEVER else started,
        restart_count=details.get("RestartCount", 0),
        health=(state.get("Health") or {}).get("Status"),
        stop_timeout=USUAL_STOP_TIMEOUT if stop_timeout is None else stop_timeout,
        agent=labels.get(AGENT_LABEL),
        stages=tuple(labels.get(STAGES_LABEL, "").split()),
    )
