"""A testbed as a command works with it: configuration, Compose, engine and monitor together."""

from __future__ import annotations

import logging
import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from testbed import console, monitor_port
from testbed.compose import Compose, ComposeFailed, PythonOnWhalesCompose
from testbed.configuration import Configuration
from testbed.configuration.resolver import NAMESPACE_OPTION
from testbed.containers import Containers, DockerContainers
from testbed.engine_socket import socket_variables
from testbed.errors import BackendError, ConfigurationError
from testbed.gate import Container
from testbed.image_digests import image_variables
from testbed.images import CHECKOUT
from testbed.monitor_api import Monitor, MonitorAway, RestMonitor, TestbedDown
from testbed.plan import Plan, Service, distinct_builds, make_plan, read_services
from testbed.project import Project, user_name, write_env
from testbed.secret_files import make_secrets

log = logging.getLogger(__name__)

MONITOR_SERVICE = "monitor"
MONITOR_PORT = 8000
MONITOR_START_S = 60.0
BACKEND_S = 30.0
BASE_IMAGE = "TESTBED_BASE_IMAGE"
BASE_IMAGE_MEMO = Path(".testbed") / "base-image"


@dataclass
class Session:
    """One testbed. What it is made of comes to be when it is first asked for."""

    project: Project
    configuration: Configuration

    @cached_property
    def environment(self) -> dict[str, str]:
        """The variables of compose.yaml; images that the user names stay as named."""
        base = self._base_image()
        images = image_variables(self.project.root, base)
        off = self.configuration.switched_off
        return {
            "TESTBED_NAMESPACE": self.project.namespace,
            "TESTBED_USER": os.environ.get("TESTBED_USER") or user_name(),
            BASE_IMAGE: base,
            "TESTBED_SUPERVISOR": str("supervisor" not in off).lower(),
            CHECKOUT: str(self.project.root),
            monitor_port.KEPT: str(monitor_port.remembered(self.project.folder)),
            **socket_variables(),
            **{name: os.environ.get(name) or image for name, image in images.items()},
        }

    @cached_property
    def compose(self) -> Compose:
        return PythonOnWhalesCompose(self.project, self.environment)

    @cached_property
    def containers(self) -> Containers:
        return DockerContainers(self.project.name)

    @cached_property
    def services(self) -> dict[str, Service]:
        return read_services(self.compose.config())

    @cached_property
    def plan(self) -> Plan:
        return make_plan(self.configuration, self.services)

    def lock(self) -> AbstractContextManager[None]:
        """Let no other command change this testbed meanwhile."""
        return self.project.lock(
            lambda: console.note(
                f"Waiting for another command that is at work on {self.project.name} ..."
            )
        )

    def initialise(self) -> list[str]:
        """Secrets and .env; what was made.

        .env follows the configuration file: a namespace given on the command line leaves it be.
        """
        made = make_secrets(self.project.secrets)
        env = self.project.root / ".env"
        if self.configuration.origins[("testbed", "namespace")] != NAMESPACE_OPTION:
            write_env(env, self.environment)
        return made

    def build(self, *, all_images: bool = False) -> list[str]:
        """Build the images that are missing, or all; their names."""
        wanted = [
            service
            for service in distinct_builds(self.services)
            if all_images or not self.containers.image_exists(service.image)
        ]
        if wanted and self._obtain_base_image() != self.environment[BASE_IMAGE]:
            for name in ("environment", "compose", "services", "plan"):
                self.__dict__.pop(name, None)  # they depend on the base image's name
            return self.build(all_images=all_images)
        if wanted:
            names = ", ".join(service.image for service in wanted)
            console.note(f"Building images: {names} (a few minutes the first time) ...")
            started = time.monotonic()
            self.compose.build([service.name for service in wanted])
            console.note(f"Images are built ({time.monotonic() - started:.0f} s).")
        return [service.image for service in wanted]

    def check_owner(self) -> None:
        """Refuse to work on a project that was started from another checkout.

        :raises ConfigurationError: its containers come from another folder
        """
        others = self.containers.folders() - {str(self.project.root)}
        if others:
            raise ConfigurationError(
                place=f"namespace {self.project.namespace}",
                problem=f"is in use by the checkout in {', '.join(sorted(others))}",
                hint="Use another one: --namespace NAME, or change [testbed] namespace.",
            )

    def prepare(self) -> None:
        """Find what is wrong before anything is built or started.

        :raises ConfigurationError: the plan cannot be made, or the namespace is somebody else's
        """
        self.settle_port()
        _ = self.plan
        self.check_owner()
        self.initialise()

    def settle_port(self) -> None:
        """Choose the monitor's port before anything is started.

        :raises ConfigurationError: the user's is taken
        """
        port = monitor_port.settle(self.project, self.containers.publisher, self._published())
        if "environment" in self.__dict__:
            self.environment[monitor_port.KEPT] = str(port)  # Compose has the same dictionary

    def _published(self) -> tuple[str, int] | None:
        return self.containers.published_port(MONITOR_SERVICE, MONITOR_PORT)

    def start(self) -> Plan:
        """Start the backend and the enabled agents, stop what is not enabled; the plan."""
        self.build()
        plan = self.plan
        found = self.containers.all()
        at_work = ("running", "restarting")
        running = {container.program for container in found if container.state in at_work}
        not_enabled = (*plan.others, *plan.switched_off)
        surplus = [name for name in not_enabled if name in running]
        if surplus:
            console.note(f"Stopping what is not enabled: {', '.join(surplus)}")
            self.compose.stop(surplus)
        paused = {container.program for container in found if container.state == "paused"}
        services = [name for name in plan.services if name not in paused]
        scales = {name: count for name, count in plan.scales.items() if name in services}
        lasting = [name for name in services if not self.services[name].one_shot]
        try:
            if self._runs(lasting, plan, found):
                # Compose looks at every dependency twice a second: skipped where all run
                self.compose.up(lasting, scales, dependencies=False)
            else:
                self.compose.up(services, scales)
        except ComposeFailed as error:
            raise BackendError(what=self._explain(error)) from error
        others = [name for name in plan.others if name not in paused]
        if others:
            self.compose.create(others)
        return plan

    def _runs(self, names: list[str], plan: Plan, found: list[Container]) -> bool:
        """Whether so many containers of each service run as are wanted, with today's image."""
        running = Counter(
            container.program
            for container in found
            if container.state == "running"
            and container.program in self.services
            and container.image == self.services[container.program].image
        )
        return all(running[name] == plan.scales.get(name, 1) for name in names)

    def _explain(self, error: ComposeFailed) -> str:
        """Why the backend did not come up: Compose's last line, and the logs of who failed."""
        lines = [f"The backend did not come up: {str(error).splitlines()[-1].strip()}"]
        for container in self.containers.all():
            ill = container.state in ("exited", "dead") and container.exit_code != 0
            if ill or container.health == "unhealthy":
                evidence = self.containers.evidence(container.container_id)
                lines.append(
                    f"{container.program} ({container.state}, exit code {container.exit_code}):"
                )
                lines += [f"  health probe: {evidence.last_probe}"] if evidence.last_probe else []
                lines += [f"  {line}" for line in evidence.log_lines]
        return "\n".join(lines)

    def monitor_url(self) -> str | None:
        """The monitor's address on this host; None while it does not run."""
        published = self._published()
        if published is None:
            return None
        return f"http://{published[0]}:{published[1]}"

    def monitor_address(self) -> str:
        """The monitor's address on this host.

        :raises TestbedDown: it does not run
        """
        url = self.monitor_url()
        if url is None:
            raise TestbedDown(project=self.project.name, cause="no container is its monitor")
        return url

    def monitor(self) -> Monitor:
        """The monitor, as operator.

        :raises TestbedDown: it does not run
        """
        self.monitor_address()
        token, user = self.project.secret("token_operator"), self.environment["TESTBED_USER"]
        return RestMonitor(self.monitor_url, token, user)

    def wait_for_monitor(self, sleep: Callable[[float], None] = time.sleep) -> Monitor:
        """The monitor, once it answers.

        :raises BackendError: it does not within `MONITOR_START_S` seconds, or has exited
        """
        end = time.monotonic() + MONITOR_START_S
        while True:
            try:
                monitor = self.monitor()
                monitor.snapshot(self.project.namespace)
                return monitor
            except MonitorAway as error:
                dead = [
                    found
                    for found in self.containers.all()
                    if found.program == MONITOR_SERVICE and found.state in ("exited", "dead")
                ]
                if dead or time.monotonic() > end:
                    raise BackendError(what=f"The monitor is not ready: {error}") from error
                sleep(0.2)

    def wait_for_backend(self, sleep: Callable[[float], None] = time.sleep) -> None:
        """Wait until every backend service is healthy: a recorder that has not subscribed yet
        would miss the first messages.

        :raises BackendError: one is not within `BACKEND_S` seconds
        """
        end = time.monotonic() + BACKEND_S
        while True:
            found = {container.program: container for container in self.containers.all()}
            lasting = [name for name in self.plan.backend if not self.services[name].one_shot]
            ill = [f"{name} has no container" for name in lasting if name not in found] + [
                f"{name} is {found[name].state}, {found[name].health}"
                for name in lasting
                if name in found
                and (found[name].state != "running" or found[name].health not in ("healthy", None))
            ]
            if not ill:
                return
            if time.monotonic() > end:
                raise BackendError(
                    what="The backend is not healthy: " + "; ".join(ill),
                    hint="Look at it with: testbed status, testbed logs",
                )
            sleep(0.1)

    def _base_image(self) -> str:
        """The base image's name: as remembered, since asking for it takes time."""
        memo = self.project.root / BASE_IMAGE_MEMO
        if not os.environ.get(BASE_IMAGE) and memo.exists():
            return memo.read_text().strip()
        return self._obtain_base_image()

    def _obtain_base_image(self) -> str:
        """The base image: the user's, or what images/base/obtain.sh finds or makes."""
        chosen = os.environ.get(BASE_IMAGE)
        if chosen:
            return chosen
        script = self.project.root / "images" / "base" / "obtain.sh"
        found = subprocess.run([script], stdout=subprocess.PIPE, text=True, check=False)
        if found.returncode:
            raise BackendError(
                what="The base image of all images could not be obtained",
                hint=f"Name one yourself: {BASE_IMAGE}=debian:trixie-slim testbed build",
            )
        memo = self.project.root / BASE_IMAGE_MEMO
        memo.parent.mkdir(parents=True, exist_ok=True)
        memo.write_text(found.stdout.strip())
        return found.stdout.strip()


def git_version(root: Path) -> dict[str, str | bool]:
    """The revision that is at work: commit, branch, and whether files differ from it."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        return found.stdout.strip() if found.returncode == 0 else ""

    commit = git("rev-parse", "HEAD")
    if not commit:
        return {}
    branch = git("rev-parse", "--abbrev-ref", "HEAD")
    return {"commit": commit, "branch": branch, "dirty": bool(git("status", "--porcelain"))}
