"""Starting, stopping and ending workflows: what REST, MCP and pages do when somebody asks."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.utils import timezone

from monitor.control import agents
from monitor.control.commands import NoAnswer, Refused, Unknown, control, sender_of
from monitor.records.models import WorkflowExecution
from monitor.records.models.workflows import FINAL_STATUSES
from monitor.records.queries.agents import present
from swf_common.configuration.participants import all_known, participants
from swf_common.protocol.message import Message
from swf_common.protocol.messages import RunWorkflow, StopWorkflow
from swf_common.protocol.states import ExecutionStatus

log = logging.getLogger(__name__)

SERVICES_TIMEOUT_S = 2.0
"""Seconds for which a workflow that is started waits for the supervisor to name the agents."""


def start(asked_by: str, **command: Any) -> Message:
    """Start a workflow; the runner's reply, with `execution_id` and `run_id`.

    :param command: fields of `RunWorkflow`
    :raises Refused: the runner rejects it
    :raises NoAnswer: no runner answers
    """
    message = RunWorkflow(
        namespace=settings.TESTBED_NAMESPACE, sender=sender_of(asked_by), **command
    )
    if not all_known(participants(message.resolved)):
        message = message.model_copy(update={"agents": _services(asked_by)})
    return _ask(message, f"start {message.workflow_name}", asked_by)


def stop(asked_by: str, execution_id: str) -> Message:
    """Ask the runner to stop a running workflow; its reply comes before the end.

    :raises Refused: the runner does not run it
    :raises NoAnswer: no runner answers
    """
    message = StopWorkflow(
        namespace=settings.TESTBED_NAMESPACE,
        sender=sender_of(asked_by),
        execution_id=execution_id,
    )
    return _ask(message, f"stop {execution_id}", asked_by)


def end(asked_by: str, execution_id: str) -> WorkflowExecution:
    """Record an execution that nobody runs any more as terminated; the execution.

    :raises Unknown: there is none with that id
    :raises Refused: it has ended, or its runner is alive
    """
    execution = WorkflowExecution.objects.filter(execution_id=execution_id).first()
    if execution is None:
        raise Unknown(f"There is no execution {execution_id}.")
    if execution.status in FINAL_STATUSES:
        raise Refused(f"{execution_id} has ended already: it is {execution.status}.")
    runner = present(instance_name=execution.runner_instance).first()
    if runner is not None:
        raise Refused(
            f"The runner of {execution_id}, {runner.instance_name}, is alive: stop the workflow "
            "instead."
        )
    changed = WorkflowExecution.objects.filter(
        execution_id=execution_id, status=execution.status
    ).update(
        status=ExecutionStatus.TERMINATED,
        end_time=timezone.now(),
        reason=f"ended by {asked_by}: nobody ran it any more",
    )
    execution.refresh_from_db()
    if not changed:
        raise Refused(f"{execution_id} has changed meanwhile: it is {execution.status}.")
    log.info("%s ended the record of %s", asked_by, execution_id)
    return execution


def _services(asked_by: str) -> dict[str, dict[str, Any]]:
    """By its key, program and stages of each agent whose container the supervisor sees; nothing
    while it is switched off or silent.
    """
    try:
        found = agents.containers(asked_by, SERVICES_TIMEOUT_S)
    except (NoAnswer, Refused) as error:
        log.info("what the agents account for is not known: %s", error)
        return {}
    return {
        one.agent: {"program": one.program, "stages": one.stages}
        for one in found
        if one.agent is not None and one.stages is not None
    }


def _ask(message: Message, action: str, asked_by: str) -> Message:
    try:
        reply = control().ask_runner(message)
    except NoAnswer as error:
        log.warning("%s asked: %s: %s", asked_by, action, error)
        raise
    if reply.msg_type == "rejected":
        log.warning("%s asked: %s: rejected: %s", asked_by, action, reply.field("reason"))
        raise Refused(str(reply.field("reason")))
    log.info("%s asked: %s: %s %s", asked_by, action, reply.msg_type, reply.execution_id)
    return reply
