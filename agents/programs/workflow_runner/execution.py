"""One execution of a workflow, from its first step to its final record."""

from __future__ import annotations

import importlib
import logging
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import simpy

from agents.data.volume import Volume
from agents.programs.workflow_runner.clock import advance
from agents.programs.workflow_runner.daq import Daq, Send
from swf_common.configuration.model import flat_parameters
from swf_common.protocol.states import EndReason, ExecutionStatus

log = logging.getLogger(__name__)

Workflow = Callable[[simpy.Environment, Daq], Generator[simpy.Event, Any, Any]]

FINAL_STATUS = {
    EndReason.COMPLETED: ExecutionStatus.COMPLETED,
    EndReason.DURATION: ExecutionStatus.COMPLETED,
    EndReason.STOPPED: ExecutionStatus.TERMINATED,
    EndReason.FAILED: ExecutionStatus.FAILED,
}


class UnknownWorkflow(Exception):
    """There is no such workflow, or its module has no generator function `workflow`."""


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


def load_workflow(name: str) -> tuple[Workflow, str]:
    """A workflow by name, and its source text.

    :raises UnknownWorkflow: see there
    """
    try:
        module = importlib.import_module(f"workflows.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"workflows.{name}":
            raise
        raise UnknownWorkflow(f'there is no workflow "{name}"') from None
    workflow = getattr(module, "workflow", None)
    if workflow is None or module.__file__ is None:
        raise UnknownWorkflow(f"workflows/{name}.py has no function workflow(env, daq)")
    return workflow, Path(module.__file__).read_text()


class Execution:
    """A running workflow.

    :param resolved: the full resolved configuration
    :param send: sends one message, in order
    :param buffer: the DAQ exit buffer
    """

    def __init__(
        self,
        workflow: Workflow,
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
        self._daq = Daq(
            self._env,
            send,
            execution_id=execution_id,
            run_id=run_id,
            parameters=flat_parameters(resolved),
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
            process = self._env.process(self._workflow(self._env, self._daq))
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
