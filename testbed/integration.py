"""A testbed of its own for integration tests, on testcontainers.

    with TestbedStack() as stack:
        report = stack.run("--no-realtime")

Each stack has a namespace of its own, so that many run side by side; it waits at the gate as
`testbed up` does, keeps the evidence when something fails, and leaves nothing behind.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")  # its reaper is one more image

from testcontainers.compose import DockerCompose

from swf_common.configuration import resolve
from testbed.engine.compose import compose_files, variables
from testbed.gate.waiting import Gate
from testbed.project import ROOT, Project
from testbed.stack.session import Session

NAMESPACE_PREFIX = "test-"


class TestbedStack(DockerCompose):
    """The backend and the enabled agents of a configuration, under a namespace of its own.

    :param config_file: the testbed.toml
    :param overrides: as `--set`
    :param files: the Compose files; default: compose.yaml with its override, or COMPOSE_FILE
    :param artifacts: where evidence goes when the context is left by an error
    """

    __test__ = False

    def __init__(
        self,
        config_file: Path | str = ROOT / "testbed.toml",
        *,
        namespace: str | None = None,
        overrides: tuple[str, ...] = (),
        files: tuple[str, ...] = (),
        artifacts: Path | str = ROOT / "artifacts",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.namespace = namespace or f"{NAMESPACE_PREFIX}{os.getpid()}-{uuid4().hex[:6]}"
        self._own_namespace = namespace is None
        self.config_file = Path(config_file)
        self.artifacts = Path(artifacts)
        configuration = resolve(
            self.config_file, ROOT / "workflows", overrides=overrides, namespace=self.namespace
        )
        self.environment = dict(environment or {})
        if files:
            self.environment["COMPOSE_FILE"] = os.pathsep.join(files)
        with variables(self.environment):
            self.session = Session(Project(self.namespace), configuration)
            names = [str(path) for path in compose_files(self.session.project)]
        super().__init__(context=ROOT, compose_file_name=names, profiles=["*"], wait=False)

    @cached_property
    def compose_command_property(self) -> list[str]:
        command: list[str] = super().compose_command_property
        return [*command, "--project-name", self.session.project.name]

    @property
    def monitor_url(self) -> str:
        """The monitor's address on this host."""
        url = self.session.monitor_url()
        if url is None:
            raise RuntimeError(f"the monitor of {self.namespace} does not run")
        return url

    def gate(self, timeout: float | None = None) -> Gate:
        """The gate of this stack."""
        session = self.session
        monitor = session.wait_for_monitor()
        return Gate(self.namespace, session.plan, session.containers, monitor, timeout)

    def start(self) -> None:
        """Start everything and wait until every agent has proved READY."""
        with variables(self.environment):
            self.session.prepare()
            self.session.build()
            self.session.check_reach()
            self.services = list(self.session.plan.services)
            super().start()
            self.services = None
        self.gate().wait()
        self.session.wait_for_backend()

    def stop(self, down: bool = True) -> None:
        """Remove containers, networks and volumes; first keep the evidence of an error.

        Containers that are removed with their volumes get a second to end: nothing is kept of them.
        """
        error = sys.exc_info()[1]
        if error is not None:
            error.add_note(f"container logs are in {self.keep_evidence(self.namespace)}")
        if down:
            remove = ["down", "--volumes", "--timeout", "1"]
            self._run_command([*self.compose_command_property, *remove])
        else:
            super().stop(down)
        self.forget()

    def forget(self) -> None:
        """Remove the secrets and run records of a namespace that was made for this stack."""
        if self._own_namespace:
            shutil.rmtree(self.session.project.folder, ignore_errors=True)

    def run(self, *arguments: str) -> dict[str, Any]:
        """`testbed run --json` on this stack; its report.

        :raises AssertionError: the command failed; its exit code and output are in the message
        """
        done = self.command("run", "--json", *arguments)
        if done.returncode:
            raise AssertionError(f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    def command(self, *arguments: str, timeout: float = 180) -> subprocess.CompletedProcess[str]:
        """The `testbed` command on this stack."""
        return subprocess.run(
            self._command_line(*arguments),
            env=self._command_environment(),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def command_in_background(self, *arguments: str) -> subprocess.Popen[str]:
        """The `testbed` command on this stack, while it runs; use it in a `with`."""
        return subprocess.Popen(
            self._command_line(*arguments),
            env=self._command_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _command_environment(self) -> dict[str, str]:
        return {**os.environ, **self.environment, "CI": "true"}

    def _command_line(self, *arguments: str) -> list[str]:
        verb, *rest = arguments
        options = ["--config", str(self.config_file), "--namespace", self.namespace]
        return [sys.executable, "-m", "testbed.commands.main", verb, *options, *rest]

    def container_id(self, program: str) -> str:
        """The full id of the (first) container of a service, running or not."""
        for container in self.session.containers.all():
            if container.program == program:
                return container.container_id
        raise LookupError(f"{program} has no container")

    def keep_evidence(self, name: str) -> Path:
        """Write every container's log, state and health log to a folder; the folder."""
        folder = self.artifacts / name
        folder.mkdir(parents=True, exist_ok=True)
        for container in self.session.containers.all():
            evidence = self.session.containers.evidence(container.container_id, lines=2000)
            text = "\n".join([repr(container), evidence.last_probe, *evidence.log_lines])
            path = folder / f"{container.program}-{container.container_id[:12]}.log"
            path.write_text(text + "\n")
        return folder

    def _run_command(self, *args: Any, **kwargs: Any) -> Any:
        with variables({**self.session.environment, **self.environment}):
            return super()._run_command(*args, **kwargs)
