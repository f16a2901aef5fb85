"""Running a workflow in fast mode and keeping what it sends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.data.volume import Needed, Volume
from agents.programs.workflow_runner.execution import Execution, Outcome
from swf_common.configuration import resolve_workflow
from swf_common.configuration.modules import WorkflowModule, find_workflow
from swf_common.protocol.message import Message
from testbed.project import ROOT

WORKFLOWS = ROOT / "workflows"
EXECUTION_ID = "stf_datataking-test-0001"
RUN_ID = "100001"


def resolved(config: str = "fast_processing_default", **parameters: Any) -> dict[str, Any]:
    """A resolved configuration of the repository; files are kept small unless asked otherwise."""
    content = resolve_workflow(WORKFLOWS, "stf_datataking", config, parameters, "torre1").resolved()
    content["workflow"]["realtime"] = False
    content["test"] = {"tf_count": 3}
    return content


@dataclass
class Ran:
    """A workflow that has run: how it ended, and all that it sent, in order."""

    outcome: Outcome
    sent: list[Message]

    @property
    def timeline(self) -> list[tuple[str, float]]:
        """What was sent, and at which simulated tick."""
        return [(message.msg_type, message.field("simulation_tick")) for message in self.sent]

    @property
    def finished(self) -> float:
        """Simulated tick at which the workflow ended."""
        return float(self.outcome.metrics["simulated_s"])

    def only(self, msg_type: str) -> list[Any]:
        """The messages of one type."""
        return [message for message in self.sent if message.msg_type == msg_type]


def run(
    buffer: Path,
    content: dict[str, Any],
    *,
    workflow: WorkflowModule | None = None,
    duration: float = 0,
    stop_at: Callable[[Message], bool] = lambda _: False,
    stop_first: bool = False,
    needed: Needed = lambda files: [False] * len(files),
) -> Ran:
    """Run a workflow as the runner does, as fast as possible.

    :param stop_at: stops the execution as soon as a message for which it is true is sent
    :param stop_first: stop the execution before it begins
    :param needed: which STFs may not be removed to make room
    """
    sent: list[Message] = []

    def send(message: Message) -> None:
        sent.append(message)
        if stop_at(message):
            execution.stop()

    content["workflow"]["duration"] = duration
    execution = Execution(
        workflow or find_workflow(WORKFLOWS, "stf_datataking", "a test"),
        execution_id=EXECUTION_ID,
        run_id=RUN_ID,
        resolved=content,
        send=send,
        buffer=Volume(buffer, needed),
    )
    if stop_first:
        execution.stop()
    return Ran(execution.run(), sent)
