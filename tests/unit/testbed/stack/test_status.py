"""How a testbed is, in one line, as JSON and for people."""

from __future__ import annotations

from typing import Any

import pytest

from swf_common.errors import ExitCode
from testbed.engine.inspection import Container
from testbed.gate.decision import Expected, decide
from testbed.stack.status import Status
from tests.unit.samples import NAMESPACE, PROGRAM, a_container, a_snapshot, an_agent

RUNNING = (("activemq", "running", "healthy"), ("recorder", "running", "-"))
OPTIONAL = Expected("example-fastmon-agent", required=False)
PROMISED_KEYS = {
    "namespace",
    "project",
    "ready",
    "monitor_url",
    "backend",
    "agents",
    "executions",
    "dead_letters",
    "orphans",
    "waiting_queues",
}
AGENT_KEYS = {
    "program",
    "container_id",
    "container_state",
    "instance_name",
    "operational_state",
    "status",
    "description",
    "heartbeat_age_s",
    "required",
    "verdict",
    "reason",
}
EXECUTION = {
    "execution_id": "stf_datataking-jane-0007",
    "run_number": 100010,
    "status": "running",
    "start_time": "2026-01-05T12:00:00Z",
    "executed_by": "jane",
}


def status(
    *containers: Container,
    expected: tuple[Expected, ...] = (Expected(PROGRAM),),
    answers: bool = True,
    **facts: Any,
) -> Status:
    """The status of a testbed whose monitor knows one ready agent."""
    snapshot = a_snapshot(an_agent()) if answers else None
    usual: dict[str, Any] = {
        "namespace": NAMESPACE,
        "project": "testbed-torre1",
        "monitor_url": "http://127.0.0.1:49153" if answers else None,
        "backend": RUNNING,
        "gate": decide(NAMESPACE, expected, containers, snapshot),
        "executions": (),
        "dead_letters": 0,
        "snapshot": snapshot,
        "problem": "" if answers else "The monitor does not answer: refused",
    }
    return Status(**{**usual, **facts})


MISSING = tuple((name, "missing", "-") for name in ("activemq", "recorder"))
ILL = (("activemq", "running", "unhealthy"), ("recorder", "exited", "-"))
STARTING = (("activemq", "running", "starting"),)


@pytest.mark.parametrize(
    ("seen", "verdict", "exit_code"),
    [
        (status(a_container()), "testbed-torre1 is READY", ExitCode.DONE),
        (
            status(a_container(), executions=(EXECUTION,)),
            "testbed-torre1 is RUNNING stf_datataking-jane-0007",
            ExitCode.DONE,
        ),
        (
            status(a_container(started_at=None)),
            f"testbed-torre1 is NOT READY: {PROGRAM} "
            "(no heartbeat since the container's last start)",
            ExitCode.NOT_READY,
        ),
        (
            status(a_container(state="exited", exit_code=3)),
            f"testbed-torre1 is NOT READY: {PROGRAM} (container exited with code 3)",
            ExitCode.AGENT_DIED,
        ),
        (
            status(backend=MISSING, answers=False),
            "testbed-torre1 is down. Start it with: testbed up",
            ExitCode.BACKEND,
        ),
        (
            status(a_container(), backend=ILL),
            "testbed-torre1 is DEGRADED: activemq running (unhealthy), recorder exited (-)",
            ExitCode.BACKEND,
        ),
        (
            status(a_container(), backend=STARTING),
            "testbed-torre1 is DEGRADED: activemq running (starting)",
            ExitCode.BACKEND,
        ),
        (
            status(a_container(), answers=False),
            "testbed-torre1 is DEGRADED: The monitor does not answer: refused",
            ExitCode.BACKEND,
        ),
    ],
)
def test_one_line_says_how_the_testbed_is_and_why(
    seen: Status, verdict: str, exit_code: ExitCode
) -> None:
    assert (seen.verdict, seen.exit_code) == (verdict, exit_code)
    assert seen.ready == (exit_code == ExitCode.DONE)
    assert seen.lines()[0] == verdict


def test_an_optional_agent_that_is_missing_leaves_the_testbed_ready() -> None:
    seen = status(a_container(), expected=(Expected(PROGRAM), OPTIONAL))
    assert (seen.ready, seen.exit_code) == (True, ExitCode.DONE)
    assert seen.as_json()["agents"][1]["reason"] == "has no container"


def test_without_agents_a_healthy_backend_is_ready() -> None:
    assert status(expected=()).verdict == "testbed-torre1 is READY"


def test_the_json_object_has_exactly_the_promised_keys_and_the_verdict() -> None:
    content = status(a_container(), executions=(EXECUTION,)).as_json()
    assert set(content) == {*PROMISED_KEYS, "verdict"}
    assert set(content["agents"][0]) == AGENT_KEYS
    assert content["backend"][0] == {"service": "activemq", "state": "running", "health": "healthy"}
    assert content["executions"] == [EXECUTION]


def test_the_json_object_puts_container_and_agent_side_by_side() -> None:
    container = a_container()
    (agent,) = status(container).as_json()["agents"]
    assert agent == {
        "program": PROGRAM,
        "container_id": container.container_id,
        "container_state": "running",
        "instance_name": "data-agent-user-0001",
        "operational_state": "READY",
        "status": "OK",
        "description": "",
        "heartbeat_age_s": 1.0,
        "required": True,
        "verdict": "ready",
        "reason": "",
    }


@pytest.mark.parametrize(
    ("health", "description", "verdict"),
    [
        ("OK", "at work on stf_gen swf.1.000001.stf", "ready: at work on stf_gen"),
        (
            "ERROR",
            "a handler does not return: stf_gen",
            "waiting: PROCESSING, but ERROR: a handler does not return: stf_gen",
        ),
    ],
)
def test_the_status_shows_what_an_agent_is_at_work_on(
    health: str, description: str, verdict: str
) -> None:
    facts = {"operational_state": "PROCESSING", "status": health, "description": description}
    snapshot = a_snapshot(an_agent(**facts))
    gate = decide(NAMESPACE, (Expected(PROGRAM),), (a_container(),), snapshot)
    seen = status(a_container(), gate=gate, snapshot=snapshot)
    assert verdict in "\n".join(seen.lines())


def test_an_agent_without_a_container_has_no_facts() -> None:
    (agent,) = status().as_json()["agents"]
    unknown = AGENT_KEYS - {"program", "required", "verdict", "reason"}
    assert {agent[key] for key in unknown} == {None}
    assert (agent["verdict"], agent["reason"]) == ("failed", "has no container")


def test_the_lines_for_people_show_backend_and_agents() -> None:
    text = "\n".join(status(a_container(), dead_letters=2).lines())
    assert "Monitor: http://127.0.0.1:49153" in text
    assert "Dead letters: 2" in text
    rows = [line.split() for line in text.splitlines()]
    assert ["activemq", "running", "healthy"] in rows
    assert [PROGRAM, "running", "READY", "OK", "1", "s", "ago", "ready"] in rows


def test_no_dead_letters_are_not_worth_a_line() -> None:
    assert "Dead letters" not in "\n".join(status(a_container()).lines())
