"""How the testbed is at this moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from monitor.records.freshness import RETIRED
from monitor.records.models import RecorderStatus, SystemAgent, WorkflowExecution
from monitor.records.queries.agents import heard_of, present
from monitor.records.queries.executions import running
from monitor.records.queries.messages import open_letters
from monitor.records.queries.verdict import AgentFacts, Snapshot
from swf_common.protocol.states import OperationalState

LATELY = timedelta(minutes=10)


@dataclass(frozen=True)
class Testbed:
    """What is there, and what a verdict on it follows from.

    :param agents: those that have not ended, by program
    """

    agents: Sequence[SystemAgent]
    running: Sequence[WorkflowExecution]
    recorder: RecorderStatus | None
    seen: Snapshot


def look(now: datetime, *, broker_connected: bool) -> Testbed:
    """The testbed of this monitor's namespace, as it is recorded."""
    here = settings.TESTBED_NAMESPACE
    agents = list(present(namespace=here).order_by("program", "id"))
    executions = list(running(namespace=here))
    recorder = RecorderStatus.objects.first()
    seen = Snapshot(
        broker_connected=broker_connected,
        recorder_silent_s=(now - recorder.updated_at).total_seconds() if recorder else None,
        recorder_lag_s=recorder.lag_s if recorder else 0.0,
        agents=[_facts(agent, now) for agent in agents],
        lost=_lost(agents, now),
        running=[execution.execution_id for execution in executions],
        dead_letters=open_letters().count(),
    )
    return Testbed(agents, executions, recorder, seen)


def _facts(agent: SystemAgent, now: datetime) -> AgentFacts:
    return AgentFacts(
        instance_name=agent.instance_name,
        program=agent.program or agent.agent_type,
        operational_state=agent.operational_state,
        status=agent.status,
        fresh=heard_of(agent, now),
        known_s=(now - agent.created_at).total_seconds(),
        description=agent.description or "",
    )


def _lost(present: Sequence[SystemAgent], now: datetime) -> list[str]:
    """Programs whose last instance fell silent lately."""
    retired = SystemAgent.objects.filter(
        namespace=settings.TESTBED_NAMESPACE,
        operational_state=OperationalState.EXITED,
        description=RETIRED,
        updated_at__gte=now - LATELY,
    )
    programs = {program for program in retired.values_list("program", flat=True) if program}
    return sorted(programs - {agent.program for agent in present})
