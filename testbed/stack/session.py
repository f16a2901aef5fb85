"""A testbed as a command works with it: configuration, Compose, engine and monitor together."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property

from swf_common.configuration import Configuration
from swf_common.configuration.resolver import NAMESPACE_OPTION
from swf_common.configuration.suggestions import nearest
from swf_common.errors import BackendError, ConfigurationError
from swf_common.protocol.states import CONTAINER_ENDED
from testbed.engine import certificates
from testbed.engine.compose import Compose, PythonOnWhalesCompose
from testbed.engine.containers import Containers
from testbed.engine.daemon_socket import GROUP, SOCKET
from testbed.engine.docker_containers import DockerContainers
from testbed.engine.endpoint import find_engine
from testbed.engine.image_digests import image_variables
from testbed.engine.images import BASE_IMAGE, obtain_base_image, own_builds, pull_named
from testbed.engine.inspection import Container
from testbed.engine.reach import Probe, check_files, find_group
from testbed.engine.services import Service, read_services
from testbed.gate.plan import Plan, make_plan
from testbed.monitor_client.client import Monitor, RestMonitor
from testbed.monitor_client.errors import MonitorRefused, MonitorUnavailable, TestbedDown
from testbed.output import console
from testbed.project import Project, write_env
from testbed.stack import monitor_port
from testbed.stack.environment import compose_variables
from testbed.stack.runs_in_progress import RunInProgress, RunsUnknown, disturbances
from testbed.stack.secret_files import make_secrets
from testbed.stack.starting import Start

log = logging.getLogger(__name__)

MONITOR_SERVICE = "monitor"
MONITOR_PORT = 8000
MONITOR_START_TIMEOUT_S = 60.0
BACKEND_TIMEOUT_S = 30.0
ANSWER_TIMEOUT_S = 5.0
"""Seconds for which a monitor that does not answer is asked what runs."""


@dataclass
class Session:
    """One testbed. Its components are created lazily."""

    project: Project
    configuration: Configuration

    @cached_property
    def environment(self) -> dict[str, str]:
        """The variables of compose.yaml."""
        return compose_variables(self.project, self.configuration)

    @cached_property
    def compose(self) -> Compose:
        return PythonOnWhalesCompose(self.project, self.environment)

    @cached_property
    def containers(self) -> Containers:
        return DockerContainers(self.project.name)

    @cached_property
    def services(self) -> dict[str, Service]:
        return read_services(self.compose.config())

    @contextmanager
    def reading_services(self) -> Iterator[None]:
        """Read the services on a thread while the block asks the engine or the monitor.

        :raises ConfigurationError: after the block: a Compose file is not valid
        """
        compose = self.compose  # made before the block, which may change the environment
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(compose.config)
            yield
            self.services = read_services(reading.result())

    @cached_property
    def own_images(self) -> dict[str, str]:
        """Our images: the name of each, by its variable in compose.yaml."""
        return image_variables(self.project.root, self.environment[BASE_IMAGE])

    @property
    def agent_programs(self) -> list[str]:
        return [name for name, service in self.services.items() if service.role == "agent"]

    def demand_service(self, name: str, kind: str = "service") -> None:
        """Find a mistyped service, or agent, before the engine is asked.

        :param kind: service or agent
        :raises ConfigurationError: compose.yaml has none of that name
        """
        known = self.agent_programs if kind == "agent" else [*self.services]
        if name not in known:
            meant = [one.name for one in self.services.values() if one.agent == name]
            advice = f'did you mean "{meant[0]}"?' if meant else nearest(name, known)
            problem = f"compose.yaml has no such {kind}; {advice}"
            raise ConfigurationError(place=name, problem=problem)

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
        """Build the images that are missing, or all; their names. Those of the user are pulled."""
        own = self.own_images.values()
        pull_named(self.services, self.containers, os.environ, own)
        wanted = [
            service
            for service in own_builds(self.services, os.environ, own)
            if all_images or not self.containers.image_exists(service.image)
        ]
        if wanted and obtain_base_image(self.project.root) != self.environment[BASE_IMAGE]:
            for name in ("environment", "own_images", "compose", "services", "plan"):
                self.__dict__.pop(name, None)  # they depend on the base image's name
            self.initialise()
            return self.build(all_images=all_images)
        if wanted:
            certificates.check_ca_bundle(self.environment[certificates.VARIABLE])
            names = ", ".join(service.image for service in wanted)
            console.note(f"Building images: {names} (a few minutes the first time) ...")
            started = time.monotonic()
            self.compose.build([service.name for service in wanted])
            console.note(f"Images are built ({time.monotonic() - started:.0f} s).")
        return [service.image for service in wanted]

    def probe(self) -> Probe:
        """What finds out whether the engine can reach files and socket; it needs an own image."""
        return Probe(self.containers, tuple(self.own_images.values()))

    def check_reach(self) -> None:
        """Find out that the engine cannot read the secrets, where its place puts that in doubt,
        and which group its socket has where this host cannot see it.

        :raises FilesOutOfReach: it cannot read them
        :raises SocketOutOfReach: no group helps
        """
        engine, probe = find_engine(), self.probe()
        check_files(engine, probe, self.project.folder)
        if "supervisor" not in self.configuration.switched_off and not os.environ.get(GROUP):
            group = self.environment[GROUP]
            self.environment[GROUP] = find_group(engine, probe, self.environment[SOCKET], group)
            if self.environment[GROUP] != group:
                self.initialise()  # .env, for plain Compose

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

    def prepare(self, *, force: bool = False) -> None:
        """Find what is wrong before anything is built or started.

        :param force: disturb a run in progress
        :raises ConfigurationError: the plan cannot be made, or the namespace is somebody else's
        :raises RunInProgress: a start would disturb a run in progress
        """
        with self.reading_services():
            self.settle_port()
        _ = self.plan
        self.check_owner()
        if not force:
            self.check_runs()
        self.initialise()

    def check_runs(self) -> None:
        """Refuse to stop or replace containers under a run in progress.

        :raises RunInProgress: see there
        """
        runs: list[str] = []
        silent: MonitorUnavailable | None = None
        try:
            runs = self.runs_in_progress()
        except MonitorUnavailable as error:
            silent = error
        if not runs and silent is None:
            return
        changes = "; ".join(disturbances(self.plan, self.containers.all(), self.compose.hashes()))
        if changes and runs:
            raise RunInProgress(runs=", ".join(runs), changes=changes)
        if changes and silent is not None:
            raise RunsUnknown(cause=silent.cause, changes=changes) from silent

    def runs_in_progress(self, timeout_s: float | None = None) -> list[str]:
        """Executions that run, or that drain while a command of this checkout follows them.

        :param timeout_s: seconds in which a monitor may answer; None: `ANSWER_TIMEOUT_S`
        :raises MonitorUnavailable: no command follows one, and the monitor runs and does not answer
        """
        followed = self.project.followed()
        end = time.monotonic() + (ANSWER_TIMEOUT_S if timeout_s is None else timeout_s)
        while True:
            try:
                rows = self.monitor().running_executions(self.project.namespace)
                return sorted({*followed, *(row["execution_id"] for row in rows)})
            except (TestbedDown, MonitorRefused, ConfigurationError):
                return followed  # without a monitor, or its token, no run was started there
            except MonitorUnavailable:
                if followed:
                    return followed
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)

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
        """Start the backend and the enabled agents, stop what is not enabled; the plan.

        :raises BackendError: the backend does not come up
        """
        self.build()
        self.check_reach()
        Start(self.plan, self.services, self.compose, self.containers).run()
        return self.plan

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

        :raises BackendError: it does not within `MONITOR_START_TIMEOUT_S` seconds, or has exited
        """
        end = time.monotonic() + MONITOR_START_TIMEOUT_S
        while True:
            try:
                monitor = self.monitor()
                monitor.snapshot(self.project.namespace)
                return monitor
            except MonitorUnavailable as error:
                dead = [
                    one
                    for one in self.containers.all()
                    if one.program == MONITOR_SERVICE and one.state in CONTAINER_ENDED
                ]
                if dead or time.monotonic() > end:
                    raise BackendError(what=f"The monitor is not ready: {error}") from error
                sleep(0.2)

    def wait_for_backend(self, sleep: Callable[[float], None] = time.sleep) -> None:
        """Wait until every backend service is healthy: a recorder that has not subscribed yet
        would miss the first messages.

        :raises BackendError: one is not within `BACKEND_TIMEOUT_S` seconds
        """
        end = time.monotonic() + BACKEND_TIMEOUT_S
        while True:
            lasting = [name for name in self.plan.backend if not self.services[name].one_shot]
            ill = unhealthy(lasting, self.containers.all())
            if not ill:
                return
            if time.monotonic() > end:
                raise BackendError(
                    what="The backend is not healthy: " + "; ".join(ill),
                    hint="See: testbed status, testbed logs",
                )
            sleep(0.1)


def unhealthy(services: Iterable[str], containers: Iterable[Container]) -> list[str]:
    """What is wrong with the containers of services that have to be healthy."""
    present = {container.program: container for container in containers}
    return [f"{name} has no container" for name in services if name not in present] + [
        f"{name} is {present[name].state}, {present[name].health}"
        for name in services
        if name in present
        and (present[name].state != "running" or present[name].health not in ("healthy", None))
    ]
