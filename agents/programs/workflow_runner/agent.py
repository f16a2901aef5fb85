"""workflow-runner: runs one workflow at a time, on command."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from agents.data.volume import Volume
from agents.programs.workflow_runner.execution import Execution, ExecutionEnded
from agents.programs.workflow_runner.records import AlreadyTaken, ExecutionRecords
from agents.runtime import BaseAgent, handles
from agents.runtime.needs import Needs
from swf_common.broker.model import Subscription
from swf_common.broker.publisher import SendRefused
from swf_common.configuration import resolve_workflow
from swf_common.configuration.model import flat_parameters
from swf_common.configuration.modules import find_workflow
from swf_common.configuration.participants import participants, with_services
from swf_common.errors import ConfigurationError
from swf_common.protocol.destinations import EPICTOPIC, WORKFLOW_CONTROL, namespace_selector
from swf_common.protocol.heartbeat import STALE_AFTER_INTERVALS
from swf_common.protocol.message import Message, utc_now
from swf_common.protocol.messages import RunWorkflow, StatusRequest, StopWorkflow
from swf_common.protocol.states import ExecutionStatus
from swf_common.service.monitor_client import MonitorRefused, MonitorUnavailable, Stopped

WORKFLOWS = Path("workflows")
END_CONFIRMATION_TIMEOUT_S = 30.0
CHECK_S = 5.0
"""Seconds between two tries of `_check_execution`."""


class Expired(Exception):
    """The sender of a command has been told meanwhile that no runner answered."""


class WorkflowRunner(BaseAgent):
    """Takes commands from the control queue; the workflow itself runs on a thread of its own."""

    agent_type = "workflow-runner"
    prefetch = 1

    _checked = float("-inf")
    _execution: Execution | None = None
    _thread: threading.Thread | None = None

    def subscriptions(self) -> tuple[Subscription, ...]:
        """The shared control queue, and of it only this namespace's commands."""
        selector = namespace_selector(self.settings.namespace)
        return (Subscription(WORKFLOW_CONTROL, prefetch=1, selector=selector),)

    def on_ready(self) -> None:
        self._records().close_left_behind()

    def on_stop(self) -> None:
        """End the running workflow as stopped, with its `end_run` and its record."""
        if self._execution is not None:
            self._execution.stop()
        if self._thread is not None:
            self._thread.join()

    def set_context(self, execution_id: str | None, run_id: str | None) -> None:
        """A command that comes meanwhile does not change what the runner is at work on."""
        if execution_id is not None or self._execution is None:
            super().set_context(execution_id, run_id)

    def details(self) -> dict[str, Any]:
        execution = self._execution
        if execution is None:
            return {}
        return {"execution_id": execution.execution_id, "stf_generated": execution.stf_count}

    @handles("run_workflow")
    def run_workflow(self, command: RunWorkflow) -> None:
        """Start a workflow; answers `accepted` with its execution id, or `rejected`."""
        running = self._execution
        if running is not None:
            self._reject(f"{running.execution_id} is running; one workflow at a time")
            return
        try:
            execution = self._prepare(command)
        except ConfigurationError as error:
            self._reject(str(error))
        except Expired as error:
            self._reject(str(error))
        except AlreadyTaken:
            self._reject("this command was carried out before")
        except MonitorRefused as error:
            self._reject(f"the monitor refused the execution's records: {error}")
        except Stopped:
            self._reject("the workflow-runner is shutting down")
        except Exception as error:  # every command gets an answer
            self.log.exception("the workflow could not be prepared")
            self._reject(f"{type(error).__name__}: {error}")
        else:
            self._execution = execution
            self.set_context(execution.execution_id, execution.run_id)
            self._thread = threading.Thread(
                target=self._run, args=(execution,), name="workflow", daemon=True
            )
            self._thread.start()
            self.reply("accepted", execution_id=execution.execution_id, run_id=execution.run_id)

    @handles("stop_workflow")
    def stop_workflow(self, command: StopWorkflow) -> None:
        """Stop the running workflow; answers `stopping`, or `rejected`."""
        running = self._execution
        if running is None:
            self._reject("no workflow is running")
        elif command.execution_id not in (None, running.execution_id):
            self._reject(f"{command.execution_id} is not running; {running.execution_id} is")
        else:
            self.log.info("stopping %s on command", running.execution_id)
            running.stop()
            self.reply("stopping", execution_id=running.execution_id)

    @handles("status_request")
    def status(self, _command: StatusRequest) -> None:
        """Answers `status`."""
        running = self._execution
        self.reply(
            "status",
            operational_state="READY" if running is None else "PROCESSING",
            execution_id=running.execution_id if running else None,
            workflow_name=running.workflow_name if running else None,
        )

    def _reject(self, reason: str) -> None:
        self.log.warning("command rejected: %s", reason)
        self.reply("rejected", reason=reason)

    def _records(self) -> ExecutionRecords:
        owner = {
            "executed_by": self.settings.user,
            "runner_instance": self.instance_name,
            "container_id": self._container_id,
        }
        return ExecutionRecords(self.monitor, self.settings.namespace, owner)

    def _prepare(self, command: RunWorkflow) -> Execution:
        resolved = (
            command.resolved
            or resolve_workflow(
                WORKFLOWS,
                command.workflow_name,
                command.config,
                command.params,
                self.settings.namespace,
                duration=command.duration,
            ).resolved()
        )
        for section, table in resolved.items():
            if not isinstance(table, dict):
                raise ConfigurationError(
                    place="run_workflow", problem=f"resolved: {section} is not a section"
                )
        resolved = with_services(resolved, participants({"agents": command.agents}))
        resolved["workflow"] = {
            **resolved.get("workflow", {}),
            "name": command.workflow_name,
            "realtime": command.realtime,
            "duration": command.duration,
        }
        workflow = find_workflow(WORKFLOWS, command.workflow_name, "run_workflow")
        workflow.parameters.of(flat_parameters(resolved))  # before anything is recorded
        records = self._records()
        version = str(resolved["workflow"].get("version", "1.0"))
        definition = records.definition(command.workflow_name, version, workflow.source)
        run_id = records.next_run_id()
        execution_id = records.open(
            command.workflow_name, definition, run_id, str(command.message_id), resolved
        )
        if command.expires_at is not None and utc_now() > command.expires_at:
            reason = "the command had expired before it could be carried out"
            records.close(execution_id, ExecutionStatus.FAILED, reason)
            raise Expired(reason)
        return Execution(
            workflow,
            execution_id=execution_id,
            run_id=run_id,
            resolved=resolved,
            send=self._broadcast,
            buffer=Volume(self.settings.data_folder / "daq", Needs(self._session(), "daq")),
        )

    def _broadcast(self, message: Message) -> None:
        # after such a silence the recorder may have ended the execution, though heartbeats are
        # accepted again by now
        if self.longest_silence_s > STALE_AFTER_INTERVALS * self.settings.heartbeat_interval:
            self._check_execution(str(message.execution_id))
        self.publish(EPICTOPIC, message)

    def _check_execution(self, execution_id: str) -> None:
        """After a silence, look whether the recorder has ended the execution meanwhile.

        Without a monitor the workflow goes on: the recorder ends nothing while that is away.

        :raises ExecutionEnded: it has
        """
        if time.monotonic() - self._checked < CHECK_S:
            return
        try:
            row = self.monitor.once("GET", f"workflow-executions/{execution_id}/")
        except (MonitorUnavailable, MonitorRefused) as error:
            self.log.warning("%s goes on unchecked after a silence: %s", execution_id, error)
        else:
            if ExecutionStatus(row["status"]).final:
                raise ExecutionEnded(f"it was recorded as {row['status']}: {row['reason']}")
            self._reporter.forget_silence()
        self._checked = time.monotonic()

    def _run(self, execution: Execution) -> None:
        with self.working(f"{execution.execution_id}, run {execution.run_id}"):
            self.log.info("%s starts: run %s", execution.execution_id, execution.run_id)
            try:
                self._run_and_close(execution)
            except Exception:
                self.log.exception("%s could not be closed", execution.execution_id)
            finally:
                self._execution = None
                self.set_context(None, None)

    def _run_and_close(self, execution: Execution) -> None:
        outcome = execution.run()
        status, reason = outcome.status, outcome.reason
        if outcome.recorded:
            self.log.warning("%s is given up: %s", execution.execution_id, reason)
            return
        try:
            if not self.publisher.flush(END_CONFIRMATION_TIMEOUT_S):
                raise SendRefused("the broker did not confirm the last messages")
        except SendRefused as error:
            status, reason = ExecutionStatus.FAILED, f"{reason}; {error}"
        self._records().close(execution.execution_id, status, reason, outcome.metrics)
        self.log.info("%s ended: %s (%s)", execution.execution_id, status, reason)
