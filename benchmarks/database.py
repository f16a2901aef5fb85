"""Statements at the database of a stack."""

from __future__ import annotations

from typing import Any

from testbed.engine.docker_containers import connect
from testbed.integration import TestbedStack


def execute(stack: TestbedStack, statement: str) -> str:
    """Have the database execute a statement; its rows, without heads, the values split by `|`."""
    container: Any = connect().containers.get(stack.container_id("postgres"))
    done = container.exec_run(
        ["psql", "-h", "127.0.0.1", "-U", "testbed", "-d", "testbed", "-At", "-c", statement],
        environment={"PGPASSWORD": stack.session.project.secret("postgres_password")},
    )
    output: str = done.output.decode()
    assert done.exit_code == 0, output
    return output.strip()
