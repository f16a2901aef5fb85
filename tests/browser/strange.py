"""Records with texts that a page must show and not run, one for every kind that takes text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from swf_common.protocol.destinations import EPICTOPIC
from testbed.integration import TestbedStack
from tests.broker import connected
from tests.rest import Api, log_record
from tests.waiting import eventually

STRANGE = "<script>window.stolen = 1</script><img src=x onerror='window.stolen = 1'>"
AGENT = f"strange-agent-{uuid4().hex[:6]}"
FILE = f"<script>window.stolen = 1</script>.{uuid4().hex[:6]}.stf"
RUN = 99


def make_strange_records(stack: TestbedStack) -> None:
    """Write them as agents do: through REST, and one message over the broker."""
    agent = Api(stack, "agent")
    now = datetime.now(UTC).isoformat()
    context = {"namespace": stack.namespace, "execution_id": STRANGE, "run_id": str(RUN)}
    records: dict[str, Any] = {
        "systemagents/heartbeat/": {
            "instance_name": AGENT,
            "agent_type": STRANGE,
            "program": STRANGE,
            "namespace": stack.namespace,
            "operational_state": "EXITED",
            "status": "EXITED",
            "description": STRANGE,
            "metadata": {"note": STRANGE},
        },
        "logs/": log_record(
            app_name=STRANGE,
            instance_name=AGENT,
            level=40,
            levelname="ERROR",
            message=STRANGE,
            module=STRANGE,
            funcname=STRANGE,
            extra_data={**context, "note": STRANGE},
        ),
        "workflow-definitions/": {
            "workflow_name": STRANGE,
            "version": "1",
            "workflow_type": STRANGE,
            "definition": STRANGE,
            "created_by": STRANGE,
        },
        "namespaces/": {"name": "strange-1", "owner": STRANGE, "description": STRANGE},
        "subscribers/": {"subscriber_name": f"{STRANGE} 1", "description": STRANGE},
        "runs/": {"run_number": RUN, "start_time": now, "run_conditions": {"note": STRANGE}},
        "system-state-events/": {
            "timestamp": now,
            "run_number": RUN,
            "event_type": "start_run",
            "state": "run",
            "event_data": {"note": STRANGE},
        },
        "workers/": {
            "worker_id": "strange-worker-1",
            "run_number": RUN,
            "location": STRANGE,
            "status": "ended",
            "started_at": now,
            "ended_at": now,
            "metadata": {"note": STRANGE},
        },
    }
    for path, body in records.items():
        answer = agent.post(path, body)
        assert answer.status_code in (200, 201), f"{path}: {answer.text}"
    (run,) = agent.get("runs/", run_number=RUN)
    (definition,) = agent.get("workflow-definitions/", workflow_name=STRANGE)
    file = {"run": run["run_id"], "stf_filename": FILE, "metadata": {"failure": STRANGE}}
    execution = {
        "execution_id": STRANGE,
        "workflow_definition": definition["id"],
        "parameter_values": {"note": STRANGE},
        "start_time": now,
        "executed_by": STRANGE,
        "namespace": stack.namespace,
    }
    for path, body in (("stf-files/", file), ("workflow-executions/", execution)):
        answer = agent.post(path, body)
        assert answer.status_code == 201, f"{path}: {answer.text}"
    _send_what_nobody_understands(stack, agent)


def _send_what_nobody_understands(stack: TestbedStack, agent: Api) -> None:
    """A message that is no JSON; the recorder keeps it as a dead letter."""
    with connected(stack, "strange") as link:
        link.send(EPICTOPIC, STRANGE, {"persistent": "true", "namespace": stack.namespace})
    eventually(lambda: agent.get("dead-letters/"), "the recorder keeps what nobody understands")
