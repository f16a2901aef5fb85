"""Whether an execution has drained, and what `testbed run` said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitor.control.commands import NoAnswer, control
from monitor.records.models import SystemAgent, WorkflowExecution
from monitor.records.queries.agents import heard_of, present
from swf_common.configuration.participants import all_known, participants, stages_of
from swf_common.protocol.destinations import queues_of
from swf_common.protocol.json_values import as_list, as_object
from swf_common.protocol.progress import Progress, open_items
from swf_common.protocol.states import OperationalState


@dataclass(frozen=True)
class RunReport:
    """The verdict of `testbed run`, and the incidents of its run, as far as they are known.

    :param verdict: empty while there is none
    """

    verdict: str
    exit_code: int | None
    incidents: list[str]

    @property
    def word(self) -> str:
        """The verdict's first word or two, as PASSED or FAILED (exit code 6)."""
        return self.verdict.partition(": ")[0]

    @property
    def because(self) -> str:
        """What decided it."""
        return self.verdict.partition(": ")[2]


def open_items_of(execution: WorkflowExecution, counts: Mapping[str, Any]) -> list[str]:
    """What of an execution is not accounted for: the judgement of `testbed run`, by what the
    monitor knows.

    :param counts: what `progress_of` gave
    """
    progress = Progress.from_answer(counts)
    if not progress.status.final:
        return open_items(progress, (), None, ())
    stages = _stages_of(execution, progress)
    if _is_followed_by_another(execution):
        return open_items(progress, stages, (), ())  # what waits and works may be the other's
    agents = _agents_of(execution)
    busy = [
        f"{agent.instance_name} is at work"
        for agent in agents
        if agent.operational_state == OperationalState.PROCESSING
        and as_object(agent.metadata).get("execution_id") in (None, execution.execution_id)
    ]
    return open_items(progress, stages, _queues_of(execution, agents), busy)


def report_of(execution: WorkflowExecution) -> RunReport:
    """What `testbed run` has recorded of an execution."""
    metrics = as_object(execution.performance_metrics)
    report = as_object(metrics.get("report"))
    code = report.get("exit_code")
    verdict = report.get("verdict") or report.get("reason")
    return RunReport(
        verdict=str(verdict) if report else "",
        exit_code=code if isinstance(code, int) else None,
        incidents=incident_texts(report.get("incidents") or metrics.get("incidents")),
    )


def incident_texts(recorded: Any) -> list[str]:
    """Incidents as sentences; those of old reports are texts already."""
    return [
        str(as_object(one).get("text", one) if isinstance(one, dict) else one)
        for one in as_list(recorded)
    ]


def _is_followed_by_another(execution: WorkflowExecution) -> bool:
    """Whether a later execution of the namespace has started."""
    later = {"namespace": execution.namespace, "start_time__gt": execution.start_time}
    return WorkflowExecution.objects.filter(**later).exists()


def _queues_of(
    execution: WorkflowExecution, agents: Sequence[SystemAgent]
) -> list[dict[str, Any]] | None:
    """The queues of agents and recorder; None while the broker, or the recorder's, is unknown."""
    programs = [agent.program or "" for agent in agents]
    try:
        return queues_of(execution.namespace or "", programs, control().queue_depths())
    except NoAnswer:
        return None


def _agents_of(execution: WorkflowExecution) -> list[SystemAgent]:
    """The agents of an execution's namespace that are there, but for optional ones."""
    found = participants(execution.parameter_values)
    optional = [one.program for one in found if not one.required]
    return [
        row
        for row in present(namespace=execution.namespace)
        if heard_of(row) and (row.program is None or row.program not in optional)
    ]


def _stages_of(execution: WorkflowExecution, progress: Progress) -> tuple[str, ...]:
    """The stages that a run waits for: those of its required agents. Where it is not known of all
    what they account for, it is every stage at which something was seen.
    """
    found = participants(execution.parameter_values)
    named = stages_of(found, required=True)
    if all_known(found):
        return named
    optional = set(stages_of(found)) - set(named)
    return tuple(stage for stage in progress.stages if stage not in optional)
