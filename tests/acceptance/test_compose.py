"""Plain Compose stays true: health, hardening, and what `down` leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

from testbed.integration import TestbedStack
from tests.engine import docker, left_behind
from tests.stacks import not_started, running
from tests.waiting import eventually


def compose_ps(stack: TestbedStack) -> dict[str, Any]:
    """What `docker compose ps` shows, by service."""
    done = subprocess.run(
        [*stack.compose_command_property, "ps", "--all", "--format", "json"],
        env={**os.environ, **stack.session.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {row["Service"]: row for row in rows}


def test_every_agent_is_healthy_and_only_while_it_is_ready(stack: TestbedStack) -> None:
    agents = [expected.program for expected in stack.session.plan.expected]
    eventually(
        lambda: all(compose_ps(stack)[name]["Health"] == "healthy" for name in agents),
        "every agent is healthy",
    )
    victim = stack.container_id("example-processing-agent")
    probe = ["docker", "exec", victim, "sh", "-c"]
    write = "echo STARTING $(date +%s) 60 > /run/testbed/state; healthy"
    done = subprocess.run([*probe, write], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (1, "STARTING")
    write = "echo READY 1000 20 > /run/testbed/state; healthy"
    done = subprocess.run([*probe, write], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "silent" in done.stdout


def test_every_service_is_hardened(stack: TestbedStack) -> None:
    services = stack.session.compose.config()["services"]
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["init"] is True, name
        assert service["mem_limit"], name
        assert service["pids_limit"], name
        assert "container_name" not in service, name
        assert "hostname" not in service, name
        for port in service.get("ports", []):
            assert port["host_ip"] == "127.0.0.1", name
        environment = json.dumps(service.get("environment", {}))
        for secret in stack.session.project.secrets.iterdir():
            assert secret.read_text() not in environment, name


def test_every_container_runs_as_somebody_other_than_root(stack: TestbedStack) -> None:
    for container in stack.session.containers.all():
        if container.state == "running":
            assert docker("exec", container.container_id, "id", "-u") != "0", container.program


def test_dependencies_are_at_most_three_deep(stack: TestbedStack) -> None:
    services = stack.session.services

    def depth(name: str) -> int:
        return max((1 + depth(other) for other in services[name].depends_on), default=0)

    assert max(map(depth, services)) <= 3


def test_down_leaves_nothing_also_after_a_failed_up() -> None:
    with not_started(files=("compose.yaml", "tests/acceptance/broken_migrate.yaml")) as broken:
        done = broken.command("up", "--timeout", "20")
        assert done.returncode == 5
        assert "no such command" in done.stderr.lower() or "unknown command" in done.stderr.lower()
        assert broken.command("down", "--volumes").returncode == 0
        assert left_behind(broken.session.project.name) == []


def test_down_keeps_the_data_and_down_volumes_removes_it() -> None:
    with running() as own:
        project = own.session.project.name
        first = own.run("--no-realtime")
        assert own.command("down").returncode == 0
        kept = left_behind(project)
        assert len(kept) == 5, "only the five volumes stay"
        own.run("--no-realtime")
        record = own.session.project.runs / first["execution_id"] / "record.json"
        assert record.exists()
        assert own.command("down", "--volumes").returncode == 0
        assert left_behind(project) == []
