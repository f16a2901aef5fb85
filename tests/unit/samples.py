"""Samples that several tests share: the services of a testbed, and gate snapshots."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from swf_common.protocol.labels import LABEL
from testbed.engine.inspection import Container
from testbed.monitor_client.snapshot import AgentRow, Snapshot
from testbed.testing import EPOCH

COMPLETED = "service_completed_successfully"
NAMESPACE = "torre1"
PROGRAM = "example-data-agent"
FULL_ID = "0123456789abcdef" * 4


def compose_services() -> dict[str, Any]:
    """The services of a testbed as `docker compose config` shows them."""
    return {
        "activemq": _service("activemq", "backend"),
        "postgres": {"image": "postgres:17", "labels": {f"{LABEL}role": "backend"}},
        "migrate": _service("monitor", "backend", needs={"postgres": "service_healthy"}),
        "monitor": _service("monitor", "backend", needs={"migrate": COMPLETED}),
        "workflow-runner": _agent("workflow-runner", always="true", stages="stf.generated"),
        "example-data-agent": _agent("data", stages="stf.registered"),
        "example-processing-agent": _agent("processing", stages="stf.registered stf.processed"),
    }


def a_supervisor() -> dict[str, Any]:
    """A backend service that can be switched off, as `docker compose config` shows it."""
    return _service("supervisor", "backend", switch="supervisor")


def _agent(key: str, **labels: str) -> dict[str, Any]:
    needs = {"migrate": COMPLETED, "activemq": "service_healthy", "monitor": "service_healthy"}
    return _service("agent", "agent", needs=needs, agent=key, **labels)


def _build(image: str) -> dict[str, str]:
    if image in ("agent", "monitor", "supervisor"):
        return {"dockerfile": "images/python/Dockerfile", "target": image}
    return {"dockerfile": f"images/{image}/Dockerfile"}


def _service(
    image: str, role: str, *, needs: dict[str, str] | None = None, **labels: str
) -> dict[str, Any]:
    return {
        "image": f"testbed/{image}:1",
        "build": _build(image),
        "labels": {f"{LABEL}role": role, **{LABEL + name: text for name, text in labels.items()}},
        "depends_on": {name: {"condition": how} for name, how in (needs or {}).items()},
    }


def moment(seconds: float) -> datetime:
    """So many seconds after the start of time."""
    return EPOCH + timedelta(seconds=seconds)


def a_container(**facts: Any) -> Container:
    """A running, healthy container that started at second 0."""
    usual: dict[str, Any] = {
        "program": PROGRAM,
        "container_id": FULL_ID,
        "state": "running",
        "health": "healthy",
        "started_at": moment(0),
    }
    return Container(**{**usual, **facts})


def an_agent(**facts: Any) -> AgentRow:
    """The READY agent of `a_container`, heard of at second 9."""
    usual: dict[str, Any] = {
        "instance_name": "data-agent-user-0001",
        "namespace": NAMESPACE,
        "container_id": FULL_ID,
        "operational_state": "READY",
        "status": "OK",
        "received_at": moment(9),
        "heartbeat_interval": 5.0,
    }
    return AgentRow(**{**usual, **facts})


def a_snapshot(*agents: AgentRow, at: float = 10) -> Snapshot:
    """What the monitor says at second `at`."""
    return Snapshot(moment(at), agents)
