"""Samples that several tests share: the services of a testbed, and gate snapshots."""

from __future__ import annotations

from typing import Any

from testbed.plan import LABEL

    "activemq": "activemq",
    "postgres": "",
    "migrate": "monitor",
    "monitor": "monitor",
}


def compose_services() -> dict[str, Any]:
    """The services of a testbed as `docker compose config` shows them."""
    return {
        "activemq": _service("activemq", "backend"),
        "postgres": {"image": "postgres:17", "labels": {f"{LABEL}role": "backend"}},
        "migrate": _service("monitor", "backend", needs={"postgres": "service_healthy"}),
        "monitor": _service("monitor", "backend", needs={"migrate": COMPLETED}),
        "workflow-runner": _agent("workflow-runner", always="true"),
        "example-data-agent": _agent("data", accounts="stf.registered"),
        "example-processing-agent": _agent("processing", accounts="stf.registered stf.processed"),
    }


COMPLETED = "service_completed_successfully"


def _agent(key: str, **labels: str) -> dict[str, Any]:
    needs = {"migrate": COMPLETED, "activemq": "service_healthy", "monitor": "service_healthy"}
    return _service("agent", "agent", needs=needs, agent=key, **labels)


def _service(
    image: str, role: str, *, needs: dict[str, str] | None = None, **labels: str
) -> dict[str, Any]:
    return {
        "image": f"testbed/{image}:1",
        "build": {"dockerfile": f"images/{image}/Dockerfile"},
        "labels": {f"{LABEL}role": role, **{LABEL + name: text for name, text in labels.items()}},
        "depends_on": {name: {"condition": how} for name, how in (needs or {}).items()},
    }
