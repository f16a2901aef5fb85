"""A run that is being followed, on fakes."""

from __future__ import annotations

from typing import Any

from swf_common.configuration.participants import Participant
from swf_common.protocol.states import ExecutionStatus
from testbed.engine.inspection import Container
from testbed.gate.decision import Expected
from testbed.gate.plan import Plan
from testbed.gate.waiting import Gate
from testbed.run.follower import RunFollower
from testbed.testing import FakeClock, FakeContainers, FakeMonitor, new_progress
from tests.unit.samples import NAMESPACE

DATA = "example-data-agent"
RUNNER = "workflow-runner"
EXECUTION = "stf_datataking-fake-0001"
RECORDERS = {"queue": "Consumer.torre1-recorder.epictopic", "depth": 0}
STF = {"generated": 5, "registered": 5, "processed": 0, "failed": 0}


class Bed:
    """A run that is being followed: a data agent and a runner, both ready and beating.

    :param optional: a program that takes part without being required; its agent is the last one
    """

    def __init__(self, replicas: int = 1, optional: str | None = None) -> None:
        self.clock = FakeClock()
        self.containers = FakeContainers(self.clock)
        self.monitor = FakeMonitor(self.clock)
        plan = Plan(
            backend=("activemq",),
            expected=(
                Expected(DATA, replicas),
                Expected(RUNNER),
                *([Expected(optional, required=False)] if optional else []),
            ),
            scales={},
            others=(),
            agents=(Participant("data", DATA, True, True, ("stf.registered",)),),
            ready_timeout={DATA: 90, RUNNER: 90},
        )
        timing: dict[str, Any] = {"clock": self.clock, "sleep": self.clock.sleep}
        gate = Gate(NAMESPACE, plan, self.containers, self.monitor, **timing)
        self.run = RunFollower(EXECUTION, gate, **timing, wall_clock=lambda: self.clock.now)
        self.backend = self.containers.add("activemq")
        self.agents = [self.containers.add(DATA) for _ in range(replicas)]
        if optional:
            self.agents.append(self.containers.add(optional))
        for container in (*self.agents, self.containers.add(RUNNER)):
            self.beat(container)
        self.monitor.executions[EXECUTION] = new_progress(run_announced=True, run_ended=True)
        self.run.begin()

    def beat(self, container: Container, **facts: Any) -> None:
        """A heartbeat that stays fresh for the whole test."""
        self.monitor.heartbeat(container, heartbeat_interval=1000, **facts)

    def end_at(self, seconds: float, **facts: Any) -> None:
        """Let the workflow end after so many seconds, with all its STFs registered."""
        ended: dict[str, Any] = {
            "status": ExecutionStatus.COMPLETED,
            "reason": "completed",
            "run_ended": True,
            "total_stf_files": 5,
            "stf": STF,
        }
        self.change_at(seconds, **{**ended, **facts})

    def change_at(self, seconds: float, **facts: Any) -> None:
        self.clock.at(seconds, lambda: self.monitor.change(EXECUTION, **facts))

    def exit_at(self, seconds: float, container: Container, code: int = 137) -> None:
        self.clock.at(seconds, lambda: self.containers.exit(container.container_id, code))

    def restart_at(self, seconds: float, container: Container, code: int) -> None:
        """Let a container die, be started again by the engine, and report again."""
        self.clock.at(seconds, lambda: self.containers.restart(container.container_id, code))
        if container != self.backend:
            self.clock.at(seconds + 0.1, lambda: self.beat(container))

    def engine_away_between(self, begin: float, end: float) -> None:
        self.clock.at(begin, lambda: setattr(self.containers, "away", True))
        self.clock.at(end, lambda: setattr(self.containers, "away", False))

    def away_between(self, begin: float, end: float) -> None:
        self.clock.at(begin, lambda: setattr(self.monitor, "away", True))
        self.clock.at(end, lambda: setattr(self.monitor, "away", False))
