"""One execution of a workflow, from its first step to its final record."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import Any

import simpy

from agents.data.volume import Volume
from agents.programs.workflow_runner.clock import advance
from agents.programs.workflow_runner.daq import Send, SimulatedDaq
from swf_common.configuration.model import flat_parameters
from swf_common.configuration.modules import WorkflowModule
from swf_common.protocol.states import EndReason, ExecutionStatus

log = logging.getLogger(__name__)

FINAL_STATUS = {
    EndReason.COMPLETED: ExecutionStatus.COMPLETED,
    EndReason.DURATION: ExecutionStatus.COMPLETED,
    EndReason.STOPPED: ExecutionStatus.TERMINATED,
    EndReason.FAILED: ExecutionStatus.FAILED,
}


class ExecutionEnded(Exception):
    """The monitor's record of this execution has ended while its runner was silent."""


@dataclass(frozen=True)
class Outcome:
    """How an execution ended.

    :param recorded: somebody else has recorded its end already
    """

    status: ExecutionStatus
    reason: str
    metrics: dict[str, Any]
    recorded: bool = False


class Execution:
    """A running workflow.

    :param resolved: the full resolved configuration
    :param send: sends one message, in order
    :param buffer: the DAQ exit buffer
    :raises ConfigurationError: parameters that the workflow does not allow
    """

    def __init__(
        self,
        workflow: WorkflowModule,
        *,
        execution_id: str,
        run_id: str,
        resolved: dict[str, Any],
        send: Send,
        buffer: Volume,
    ) -> None:
        self.execution_id = execution_id
        self.run_id = run_id
        self.workflow_name: str = resolved["workflow"]["name"]
        self._workflow = workflow
        self._settings = resolved["workflow"]
        self._stopping = threading.Event()
        self._env = simpy.Environment()
        values = flat_parameters(resolved)
        self._daq = SimulatedDaq(
            self._env,
            send,
            execution_id=execution_id,
            run_id=run_id,
            parameters=workflow.parameters.of(values),
            values=values,
            buffer=buffer,
        )

    @property
    def stf_count(self) -> int:
        """STFs generated so far."""
        return self._daq.stf_count

    def stop(self) -> None:
        """End the workflow as soon as possible."""
        self._stopping.set()

    def run(self) -> Outcome:
        """Run to the end; whatever happens, an announced run is closed with `end_run`, unless the
        recorder has closed it.
        """
        began = time.monotonic()
        try:
            reason, text = self._run_workflow()
            self._daq.end_run(reason)
        except ExecutionEnded as error:
            return Outcome(ExecutionStatus.FAILED, str(error), self._metrics(began), recorded=True)
        return Outcome(FINAL_STATUS[reason], text, self._metrics(began))

    def _run_workflow(self) -> tuple[EndReason, str]:
        try:
            process = self._env.process(self._workflow.steps(self._env, self._daq))
            reason = advance(
                self._env,
                process,
                realtime=self._settings["realtime"],
                duration=self._settings["duration"],
                stopping=self._stopping,
            )
        except ExecutionEnded:
            raise
        except (Exception, SystemExit) as error:
            log.exception("workflow %s failed", self.workflow_name)
            return EndReason.FAILED, f"{type(error).__name__}: {error}"
        return reason, str(reason)

    def _metrics(self, began: float) -> dict[str, Any]:
        return {
            "stf_generated": self.stf_count,
            "simulated_s": round(float(self._env.now), 6),
            "wall_s": round(time.monotonic() - began, 3),
        }
