"""Driving Compose: the port that the command works with, and its python-on-whales adapter."""

from __future__ import annotations

import json
import logging
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from swf_common.errors import BackendError, ConfigurationError
from testbed.engine.children import interruptible
from testbed.project import COMPOSE_FILE, Project

log = logging.getLogger("docker compose")


class ComposeFailed(BackendError):
    """docker compose {verb} failed: {output}"""


class Compose(Protocol):
    """What the command asks of Compose, always for one project."""

    def config(self) -> Mapping[str, Any]:
        """The project's services as Compose resolves them, all profiles included."""

    def hashes(self) -> Mapping[str, str]:
        """By service, the digest of its configuration: a container with another one is replaced."""

    def build(self, services: Sequence[str]) -> None:
        """Build the images of services."""

    def up(
        self, services: Sequence[str], scales: Mapping[str, int], *, dependencies: bool = True
    ) -> None:
        """Create and start services; returns when they are started.

        :param dependencies: wait for what they depend on; False where all of it runs
        """

    def create(self, services: Sequence[str]) -> None:
        """Create containers without starting them; those that are up to date stay as they are."""

    def stop(self, services: Sequence[str]) -> None:
        """Stop services gracefully."""

    def down(self, *, volumes: bool) -> None:
        """Remove every container and network of the project, and its volumes if asked."""

    def logs(
        self, services: Sequence[str], *, follow: bool, since: str | None, tail: str | None
    ) -> None:
        """Print logs to standard output."""


class PythonOnWhalesCompose:
    """Compose through python-on-whales; questions go to the docker command itself.

    compose.yaml is found in the project's folder; an override file beside it and COMPOSE_FILE
    work as with plain Compose. Every profile is active, and services are always named, so that
    nothing is overlooked when the project is taken down.

    :param environment: variables of compose.yaml; they take the place of those in .env
    """

    def __init__(self, project: Project, environment: Mapping[str, str]) -> None:
        self._project = project
        self._files = compose_files(project)
        self._environment = environment

    @cached_property
    def _client(self) -> Any:
        from python_on_whales import DockerClient

        return DockerClient(
            compose_project_name=self._project.name,
            compose_project_directory=self._project.root,
            compose_files=self._files,
            compose_profiles=["*"],
        ).compose

    def config(self) -> Mapping[str, Any]:
        return dict(json.loads(self._ask("config", "--format", "json")))

    def hashes(self) -> Mapping[str, str]:
        lines = self._ask("config", "--hash", "*").splitlines()
        return dict(line.split(maxsplit=1) for line in lines)

    def _ask(self, *arguments: str) -> str:
        """The answer of Compose to a question. It does without the library, whose import takes as
        long as the answer. It leaves this process's environment alone, so a thread may call it.

        :raises ConfigurationError: compose.yaml or a file beside it is not valid
        :raises ComposeFailed: there is no docker command
        """
        command = ["docker", "compose", "--project-name", self._project.name]
        command += ["--project-directory", str(self._project.root), "--profile", "*"]
        command += [word for file in self._files for word in ("--file", str(file))]
        command += arguments
        log.debug("%s", shlex.join(command))
        environment = {**os.environ, **self._environment}
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, check=False
            )
        except OSError as error:
            raise ComposeFailed(verb=arguments[0], output=str(error)) from error
        if done.returncode:
            raise ConfigurationError(place="compose.yaml", problem=done.stderr.strip())
        return done.stdout

    def build(self, services: Sequence[str]) -> None:
        self._stream("build", self._client.build, services=list(services))

    def up(
        self, services: Sequence[str], scales: Mapping[str, int], *, dependencies: bool = True
    ) -> None:
        self._stream(
            "up",
            self._client.up,
            services=list(services),
            scales=dict(scales),
            detach=True,
            no_build=True,
            pull="missing",
            dependencies=dependencies,
        )

    def create(self, services: Sequence[str]) -> None:
        # not streamed: python-on-whales would print the command to standard output
        self._run(
            "create",
            self._client.create,
            services=list(services),
            no_build=True,
        )

    def stop(self, services: Sequence[str]) -> None:
        self._stream("stop", self._client.stop, services=list(services))

    def down(self, *, volumes: bool) -> None:
        self._stream("down", self._client.down, volumes=volumes, remove_orphans=True)

    def logs(
        self, services: Sequence[str], *, follow: bool, since: str | None, tail: str | None
    ) -> None:
        def show() -> None:
            for line in interruptible(
                self._client.logs(
                    services=list(services), follow=follow, since=since, tail=tail, stream=True
                )
            ):
                sys.stdout.buffer.write(line)
                sys.stdout.flush()

        try:
            self._run("logs", show)
        except BrokenPipeError:
            # the reader has seen enough; Python would complain on exit
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123

    def _stream(self, verb: str, call: Any, **options: Any) -> None:
        """Run a verb that reports as it goes; its lines go to the debug log."""
        lines: list[str] = []

        def run() -> None:
            for line in interruptible(call(stream_logs=True, **options)):
                text = line.decode(errors="replace").rstrip()
                lines.append(text)
                log.debug("%s", text)

        self._run(verb, run, _lines=lines)

    def _run(self, verb: str, call: Any, _lines: list[str] | None = None, **options: Any) -> Any:
        from python_on_whales.exceptions import DockerException

        try:
            with variables(self._environment):
                return call(**options)
        except DockerException as error:
            output = "\n".join(_lines or []) or error.stderr or error.stdout or str(error)
            raise ComposeFailed(verb=verb, output=_last_lines(output)) from error


@contextmanager
def variables(values: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for the commands that are started inside."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def compose_files(project: Project) -> list[str | Path]:
    """The files to use: COMPOSE_FILE, or compose.yaml with the override file beside it."""
    named = os.environ.get("COMPOSE_FILE")
    if named:
        separator = os.environ.get("COMPOSE_PATH_SEPARATOR", os.pathsep)
        return [project.root / name for name in named.split(separator)]
    files = [project.root / name for name in (COMPOSE_FILE, "compose.override.yaml")]
    return [file for file in files if file.exists()]


def _last_lines(output: str, count: int = 12) -> str:
    return "\n".join(output.strip().splitlines()[-count:])
