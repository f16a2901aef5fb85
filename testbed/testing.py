"""Fakes of what the command works with: Compose, the engine and the monitor, all in memory.

They stand behind the ports of the real ones and keep their promises, so that whatever uses a
port can be tested without Docker. Time passes only when somebody sleeps on a `FakeClock`.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from testbed.compose import Compose, ComposeFailed
from testbed.containers import Containers, Evidence
from testbed.drain import Progress
from testbed.gate import AgentRow, Container, Snapshot
from testbed.monitor_api import ActionRefused, Monitor, MonitorAway, MonitorRefused, WorkflowRefused
from testbed.plan import Service, read_services
from testbed.protocol.states import AgentStatus, ExecutionStatus, OperationalState
from testbed.testbeds import Host

EPOCH = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
"""The moment at which a `FakeClock` starts."""


class FakeClock:
    """A clock that moves only when somebody sleeps.

    Called, it gives seconds as `time.monotonic` does; `now` is the same moment as a UTC time.

    :param limit_s: seconds after which sleeping fails: whoever still waits would wait for ever
    """

    def __init__(self, limit_s: float = 3600.0) -> None:
        self._seconds = 0.0
        self._limit_s = limit_s
        self._order = itertools.count()
        self._plans: list[tuple[float, int, Callable[[], object]]] = []

    def __call__(self) -> float:
        return self._seconds

    @property
    def now(self) -> datetime:
        """The moment as a UTC time."""
        return EPOCH + timedelta(seconds=self._seconds)

    def at(self, seconds: float, action: Callable[[], object]) -> None:
        """Plan something for the moment `seconds` after the start."""
        heapq.heappush(self._plans, (seconds, next(self._order), action))

    def sleep(self, seconds: float) -> None:
        """Let time pass; what is planned for it happens on the way, at its moment.

        :raises AssertionError: time has passed beyond `limit_s`
        """
        end = self._seconds + seconds
        while self._plans and self._plans[0][0] <= end:
            due, _, action = heapq.heappop(self._plans)
            self._seconds = max(self._seconds, due)
            action()
        self._seconds = end
        if end > self._limit_s:
            raise AssertionError(f"somebody still waits after {end:.0f} s")


class FakeContainers(Containers):
    """The containers of one project.

    :param clock: gives containers their start times
    """

    def __init__(self, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.images: set[str] = set()
        self.ports: dict[tuple[str, int], tuple[str, int]] = {}
        self.working_folders: set[str] = set()
        self.started: list[str] = []
        self.executed: list[tuple[str, tuple[str, ...]]] = []
        self.answers: dict[tuple[str, ...], tuple[int, str]] = {}
        self._found: dict[str, Container] = {}
        self._evidence: dict[str, Evidence] = {}
        self._numbers = itertools.count(1)

    def all(self) -> list[Container]:
        return list(self._found.values())

    def evidence(self, container_id: str, lines: int = 10) -> Evidence:
        known = self._evidence.get(container_id, Evidence("", ()))
        return Evidence(known.last_probe, known.log_lines[-lines:])

    def published_port(self, service: str, port: int) -> tuple[str, int] | None:
        running = any(found.program == service for found in self.all() if found.state == "running")
        return self.ports.get((service, port)) if running else None

    def start(self, container_id: str) -> None:
        self.started.append(container_id)
        self.change(container_id, state="running", started_at=self.clock.now)

    def execute(self, container_id: str, command: Sequence[str]) -> tuple[int, str]:
        self.executed.append((container_id, tuple(command)))
        return self.answers.get(tuple(command), (0, ""))

    def image_exists(self, name: str) -> bool:
        return name in self.images

    def folders(self) -> set[str]:
        return set(self.working_folders) if self._found else set()

    def add(self, program: str, **facts: Any) -> Container:
        """A new container, running and healthy unless `facts` (fields of `Container`) differ."""
        digest = sha256(f"{program} {next(self._numbers)}".encode()).hexdigest()
        running = Container(program, digest, "running", "healthy", self.clock.now)
        container = replace(running, **facts)
        self._found[container.container_id] = container
        return container

    def change(self, container_id: str, **facts: Any) -> Container:
        """Give a container other facts (fields of `Container`); what it is now."""
        self._found[container_id] = replace(self._found[container_id], **facts)
        return self._found[container_id]

    def exit(self, container_id: str, code: int = 0) -> Container:
        """Let a container end by itself, and stay down."""
        return self.change(container_id, state="exited", exit_code=code)

    def restart(self, container_id: str, code: int = 1) -> Container:
        """Let a container end, and be started again by its restart policy."""
        count = self._found[container_id].restart_count + 1
        now = {"state": "running", "started_at": self.clock.now}
        return self.change(container_id, exit_code=code, restart_count=count, **now)

    def remove(self, container_id: str) -> None:
        """Forget a container."""
        del self._found[container_id]

    def tell(self, container_id: str, *log_lines: str, last_probe: str = "") -> None:
        """What a container gives as evidence."""
        self._evidence[container_id] = Evidence(last_probe, log_lines)


class FakeCompose(Compose):
    """Compose on a `FakeContainers`: what it brings up runs there, and is healthy at once.

    `calls` holds each verb with the services that it was given. A verb that stands in `failing`
    fails with the output given there. As with the real one, `up` builds nothing.

    :param services: the services as `docker compose config` shows them
    """

    def __init__(self, services: Mapping[str, Any], containers: FakeContainers) -> None:
        self.calls: list[tuple[str, tuple[str, ...]]] = []
        self.failing: dict[str, str] = {}
        self._config = {"services": services}
        self._containers = containers

    def config(self) -> Mapping[str, Any]:
        return self._config

    def build(self, services: Sequence[str]) -> None:
        self._call("build", services)
        self._containers.images |= {self._services[name].image for name in services}

    def up(
        self, services: Sequence[str], scales: Mapping[str, int], *, dependencies: bool = True
    ) -> None:
        self._call("up", services)
        for name in self._with_dependencies(services) if dependencies else services:
            service = self._services[name]
            if service.image not in self._containers.images:
                raise ComposeFailed(verb="up", output=f"No such image: {service.image}")
            self._bring_up(service, scales.get(name, 1))

    def create(self, services: Sequence[str]) -> None:
        self._call("create", services)
        existing = {container.program for container in self._containers.all()}
        never_ran = {"state": "created", "health": None, "started_at": None}
        for name in services:
            if name not in existing:
                self._containers.add(name, image=self._services[name].image, **never_ran)

    def stop(self, services: Sequence[str]) -> None:
        self._call("stop", services)
        for container in self._containers.all():
            if container.program in services and container.state in ("running", "paused"):
                self._containers.exit(container.container_id)

    def down(self, *, volumes: bool) -> None:
        self._call("down", ("--volumes",) if volumes else ())
        for container in self._containers.all():
            self._containers.remove(container.container_id)

    def logs(
        self, services: Sequence[str], *, follow: bool, since: str | None, tail: str | None
    ) -> None:
        options = {"--follow": follow, "--since": since, "--tail": tail}
        self._call("logs", [*services, *(name for name, given in options.items() if given)])

    @property
    def _services(self) -> dict[str, Service]:
        return read_services(self._config)

    def _call(self, verb: str, services: Sequence[str]) -> None:
        self.calls.append((verb, tuple(services)))
        if verb in self.failing:
            raise ComposeFailed(verb=verb, output=self.failing[verb])

    def _with_dependencies(self, services: Sequence[str]) -> list[str]:
        ordered: dict[str, None] = {}
        for name in services:
            for dependency in self._with_dependencies(self._services[name].depends_on):
                ordered.setdefault(dependency)
            ordered.setdefault(name)
        return list(ordered)

    def _bring_up(self, service: Service, scale: int) -> None:
        own = [found for found in self._containers.all() if found.program == service.name]
        kept = [found for found in own if found.image == service.image][:scale]
        for container in own:
            if container not in kept:
                self._containers.remove(container.container_id)
            elif container.state != "running":
                self._containers.start(container.container_id)
        for _ in range(scale - len(kept)):
            kept.append(self._containers.add(service.name, image=service.image))
        if service.one_shot:
            for container in kept:
                self._containers.exit(container.container_id)


class FakeHost(Host):
    """An engine with the testbeds of many. A project that stands in `failing` cannot be taken down.

    :param inspected: its containers, as `inspect` tells them
    """

    def __init__(self, *inspected: Mapping[str, Any]) -> None:
        self.inspected = list(inspected)
        self.taken_down: list[tuple[str, bool]] = []
        self.failing: dict[str, str] = {}

    def containers(self) -> list[Mapping[str, Any]]:
        return list(self.inspected)

    def take_down(self, project: str, *, volumes: bool) -> None:
        if project in self.failing:
            raise ComposeFailed(verb="down", output=self.failing[project])
        self.taken_down.append((project, volumes))


class FakeMonitor(Monitor):
    """A monitor with its agents, its executions and its view of the broker.

    While `away` every question fails as it does when the real one cannot be reached. A workflow
    that is stopped ends after `stopping_s` seconds.

    :param clock: the monitor's time
    """

    def __init__(self, clock: FakeClock | None = None, namespace: str = "torre1") -> None:
        self.clock = clock or FakeClock()
        self.namespace = namespace
        self.away = False
        self.refusal = ""
        self.commands: list[dict[str, Any]] = []
        self.agents: dict[str, AgentRow] = {}
        self.executions: dict[str, Progress] = {}
        self.queues: list[dict[str, Any]] | None = [
            {"queue": f"Consumer.{namespace}-recorder.epictopic", "depth": 0}
        ]
        self.containers: list[dict[str, Any]] = []
        self.parameters: dict[str, dict[str, Any]] = {}
        self.reports: dict[str, dict[str, Any]] = {}
        self.dead_letters = 0
        self.stopping_s = 0.0

    def snapshot(self, namespace: str) -> Snapshot:
        self._answer()
        rows = [row for row in self.agents.values() if row.namespace == namespace]
        return Snapshot(self.clock.now, rows)

    def start_workflow(self, command: dict[str, Any]) -> str:
        self._answer()
        self.commands.append(command)
        running = [found.execution_id for found in self._running()]
        reason = self.refusal or (f"{running[0]} is running" if running else "")
        if reason:
            raise WorkflowRefused(reason=reason)
        number = len(self.executions) + 1
        execution_id = f"{command['workflow_name']}-fake-{number:04d}"
        self.executions[execution_id] = new_progress(execution_id, run_id=str(100_009 + number))
        return execution_id

    def stop_workflow(self, execution_id: str) -> None:
        if self._find(execution_id).status.final:
            raise _refused(f"POST {execution_id}/stop/", 409, f"{execution_id} is not running")
        ended = {"status": ExecutionStatus.TERMINATED, "reason": "stopped"}
        self.clock.at(self.clock() + self.stopping_s, lambda: self.change(execution_id, **ended))
        self.clock.sleep(0)

    def progress(self, execution_id: str) -> Progress:
        return self._find(execution_id)

    def execution(self, execution_id: str) -> dict[str, Any]:
        found = self._find(execution_id)
        ended = self.clock.now.isoformat() if found.status.final else None
        return {
            "execution_id": execution_id,
            "namespace": self.namespace,
            "status": found.status,
            "start_time": EPOCH.isoformat(),
            "end_time": ended,
            "parameter_values": self.parameters.get(execution_id, {}),
            "performance_metrics": {"report": self.reports[execution_id]}
            if execution_id in self.reports
            else None,
        }

    def record_report(self, execution_id: str, report: dict[str, Any]) -> None:
        self._find(execution_id)
        self.reports[execution_id] = report

    def running_executions(self, namespace: str) -> list[dict[str, Any]]:
        self._answer()
        if namespace != self.namespace:
            return []
        common = {"namespace": namespace, "start_time": EPOCH.isoformat(), "executed_by": "fake"}
        return [
            {
                "execution_id": found.execution_id,
                "run_number": int(found.run_id or 0),
                "status": found.status,
                **common,
            }
            for found in self._running()
        ]

    def backlog(self) -> tuple[list[dict[str, Any]] | None, int]:
        self._answer()
        return self.queues, self.dead_letters

    def supervised_agents(self) -> list[dict[str, Any]]:
        self._answer()
        return list(self.containers)

    def act_on_agents(self, verb: str, program: str) -> list[dict[str, Any]]:
        self._answer()
        own = [found for found in self.containers if found["program"] == program]
        if not own:
            raise ActionRefused(verb=verb, program=program, reason="not an agent of this testbed")
        for found in own:
            found["state"] = "running" if verb in ("start", "restart") else "exited"
        return own

    def heartbeat(self, container: Container, **facts: Any) -> AgentRow:
        """Take a heartbeat of a container's agent now: READY and OK unless `facts` differ."""
        name = f"{container.program}-{container.container_id[:4]}"
        ready, ok = OperationalState.READY, AgentStatus.OK
        row = AgentRow(name, self.namespace, container.container_id, ready, ok, self.clock.now, 5.0)
        row = replace(row, **facts)
        self.agents[row.instance_name] = row
        return row

    def change(self, execution_id: str, **facts: Any) -> Progress:
        """Let an execution come further (fields of `Progress`); where it is now."""
        self.executions[execution_id] = replace(self.executions[execution_id], **facts)
        return self.executions[execution_id]

    def _answer(self) -> None:
        if self.away:
            raise MonitorAway(cause="it was told to be away")

    def _find(self, execution_id: str) -> Progress:
        self._answer()
        if execution_id not in self.executions:
            raise _refused(f"GET {execution_id}/progress/", 404, "not found")
        return self.executions[execution_id]

    def _running(self) -> list[Progress]:
        return [found for found in self.executions.values() if not found.status.final]


def _refused(request: str, status: int, text: str) -> MonitorRefused:
    method, _, path = request.partition(" ")
    return MonitorRefused(
        request=f"{method} /api/workflow-executions/{path}", status=status, text=text
    )


def new_progress(execution_id: str = "stf_datataking-fake-0001", **facts: Any) -> Progress:
    """The progress of an execution that has just begun, but for `facts` (fields of `Progress`)."""
    stf = {"generated": 0, "registered": 0, "processed": 0, "failed": 0}
    slices = {"created": 0, "completed": 0, "failed": 0}
    begun = Progress(
        execution_id=execution_id,
        run_id="100010",
        status=ExecutionStatus.RUNNING,
        reason="",
        total_stf_files=None,
        run_announced=False,
        run_ended=False,
        stf_sent=None,
        dead_letters=0,
        stf=stf,
        stf_sampled=0,
        tf_files=0,
        tfs={"sampled": 0, "in_slices": 0, "in_results": 0},
        slices=slices,
        messages=0,
    )
    return replace(begun, **facts)
