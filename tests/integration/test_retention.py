"""What is too old is removed, table by table; what belongs to an execution stays with it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from testbed.engine.docker_containers import connect
from tests.integration.test_slice_results import SLICES, Run, new_execution
from tests.rest import Api, Sql

if TYPE_CHECKING:
    from testbed.integration import TestbedStack

OF_A_RUN = {
    "swf_tf_slices": "run_number = {run}",
    "swf_fastmon_files": "tf_filename = '{sample}'",
    "swf_stf_files": "stf_filename LIKE 'swf.{run}.%'",
    "swf_workers": "run_number = {run}",
    "swf_system_state_events": "run_number = {run}",
    "swf_run_histograms": "run_number = {run}",
    "swf_run_state": "run_number = {run}",
    "swf_runs": "run_number = {run}",
    "swf_workflow_messages": "execution_id = '{execution}'",
    "swf_dead_letters": "execution_id = '{execution}'",
    "swf_stage_records": "execution_id = '{execution}'",
    "swf_workflow_executions": "execution_id = '{execution}'",
}
TIMES = {
    "recorded_at": (
        "swf_workers",
        "swf_system_state_events",
        "swf_runs",
        "swf_run_state",
        "swf_workflow_messages",
        "swf_stage_records",
        "swf_workflow_executions",
    ),
    "created_at": ("swf_tf_slices", "swf_fastmon_files", "swf_stf_files"),
    "updated_at": ("swf_run_histograms",),
    "received_at": ("swf_dead_letters",),
}
EACH = {**dict.fromkeys(OF_A_RUN, 1), "swf_tf_slices": SLICES}


class Recorded:
    """A run of the fast path with a row in every table, all of them of 100 days ago.

    :param facts: of its execution; None: it has none
    """

    def __init__(self, agent: Api, sql: Sql, **facts: str | None) -> None:
        self._sql = sql
        run = Run(agent)
        run.send(run.done(1))
        execution = f"none-{uuid4()}"
        if facts:
            execution = new_execution(agent, run_number=run.number, **facts)
        self._names = {"run": run.number, "sample": run.sample, "execution": execution}
        worker = {
            "worker_id": f"worker-{run.number}",
            "run_number": run.number,
            "location": "here",
            "status": "done",
            "started_at": "2026-01-01T00:00:00Z",
        }
        event = {
            "timestamp": "2026-01-01T00:00:00Z",
            "run_number": run.number,
            "event_type": "test",
            "state": "run",
            "event_data": {},
        }
        state = {
            "run_number": run.number,
            "phase": "physics",
            "state": "running",
            "state_changed_at": "2026-01-01T00:00:00Z",
        }
        for path, body in (
            ("workers/", worker),
            ("system-state-events/", event),
            ("run-states/", state),
        ):
            answer = agent.post(path, body)
            assert answer.status_code == 201, answer.text
        self.do(
            "INSERT INTO swf_workflow_messages (message_id, message_type, execution_id,"
            " message_content, sent_at, recorded_at) VALUES"
            f" ('{uuid4()}', 'x', '{execution}', '{{}}', now(), now());"
            "INSERT INTO swf_dead_letters (destination, cause, broker_message_id, message_type,"
            " execution_id, headers, body, received_at, resolution) VALUES"
            f" ('/queue/x', '', '{uuid4()}', 'x', '{execution}', '{{}}', '', now(), 'open');"
            "INSERT INTO swf_stage_records (execution_id, stage, unit, failed) VALUES"
            f" ('{execution}', 'stf.calibrated', 'swf.1.000001.stf', false)"
        )
        for column, tables in TIMES.items():
            for table in tables:
                where = OF_A_RUN[table].format(**self._names)
                self.do(f"UPDATE {table} SET {column} = now() - interval '100 days' WHERE {where}")

    def do(self, statements: str) -> str:
        done, output = self._sql(statements)
        assert done, output
        return output

    def counts(self) -> dict[str, int]:
        """The rows that are left, by table."""
        return {
            table: int(self.do(f"SELECT count(*) FROM {table} WHERE {where.format(**self._names)}"))
            for table, where in OF_A_RUN.items()
        }


@pytest.fixture(scope="package")
def remove(stack: TestbedStack) -> Callable[[], None]:
    """Removes what is too old, as the recorder does by itself every ten minutes."""
    code = "from monitor.recorder.retention import Retention; Retention().run()"

    def run() -> None:
        recorder = connect().containers.get(stack.container_id("recorder"))
        done = recorder.exec_run(["python3", "-m", "monitor", "shell", "-c", code])
        assert done.exit_code == 0, done.output

    return run


def ago(sql: Sql, days: int) -> str:
    """A moment so many days ago."""
    return sql(f"SELECT to_json(now() - interval '{days} days') #>> '{{}}'")[1].strip()


def test_an_execution_of_long_ago_goes_with_all_that_belongs_to_it(
    agent: Api, sql: Sql, remove: Callable[[], None]
) -> None:
    old = Recorded(agent, sql, status="completed", end_time=ago(sql, 100))
    without = Recorded(agent, sql)
    assert old.counts() == EACH
    remove()
    assert set(old.counts().values()) == {0}
    assert set(without.counts().values()) == {0}


@pytest.mark.parametrize(
    ("status", "days"), [("running", None), ("completed", 10)], ids=["running", "recent"]
)
def test_a_running_or_recent_execution_loses_nothing_however_old_its_rows_are(
    agent: Api, sql: Sql, remove: Callable[[], None], status: str, days: int | None
) -> None:
    kept = Recorded(agent, sql, status=status, end_time=None if days is None else ago(sql, days))
    remove()
    assert kept.counts() == EACH


def test_what_a_sender_says_of_its_time_makes_nothing_old(
    agent: Api, sql: Sql, remove: Callable[[], None]
) -> None:
    key = new_execution(agent, status="completed", end_time="2001-01-01T00:00:00Z")
    run = Run(agent)
    remove()
    assert agent.get(f"workflow-executions/{key}/")["end_time"] == "2001-01-01T00:00:00Z"
    assert agent.get("runs/", run_number=run.number)


def test_agents_of_containers_that_are_gone_are_removed_but_for_the_last_of_each_program(
    stack: TestbedStack, agent: Api, sql: Sql, remove: Callable[[], None]
) -> None:
    program = f"program-{uuid4().hex[:8]}"
    names = [f"{program}-{number}" for number in range(3)]
    for name, states in zip(names, (["EXITED"], ["EXITED"], ["READY", "EXITED"]), strict=True):
        for state in states:
            beat = {
                "instance_name": name,
                "program": program,
                "namespace": stack.namespace,
                "operational_state": state,
                "heartbeat_interval": 3600,
            }
            assert agent.post("systemagents/heartbeat/", beat).status_code in (200, 201)
    old = "now() - interval '40 days'"
    for table, column in (
        ("swf_systemagent", "last_heartbeat"),
        ("swf_agent_state_changes", "changed_at"),
    ):
        where = f"instance_name LIKE '{program}-%' AND instance_name <> '{names[1]}'"
        assert sql(f"UPDATE {table} SET {column} = {old} WHERE {where}")[0]
    remove()
    left = {row["instance_name"] for row in agent.get("systemagents/", program=program)}
    assert left == set(names[1:]), "heard of lately, or the last of its program"
    changes = f"SELECT count(*) FROM swf_agent_state_changes WHERE instance_name = '{names[2]}'"
    assert sql(changes)[1].strip() == "1", "the state that an agent is in stays"


def test_readiness_lists_no_containers_that_are_long_gone(
    stack: TestbedStack, agent: Api, viewer: Api, sql: Sql
) -> None:
    ids = {name: secrets.token_hex(32) for name in ("gone", "just-exited", "silent")}
    for name, container in ids.items():
        beat = {
            "instance_name": f"{name}-{container[:8]}",
            "namespace": stack.namespace,
            "container_id": container,
            "operational_state": "READY" if name == "silent" else "EXITED",
            "heartbeat_interval": 3600,
        }
        assert agent.post("systemagents/heartbeat/", beat).status_code == 201
    assert sql(
        "UPDATE swf_systemagent SET last_heartbeat = now() - interval '2 hours'"
        f" WHERE container_id IN ('{ids['gone']}', '{ids['silent']}')"
    )[0]
    listed = {row["container_id"] for row in viewer.get("readiness/")["heartbeats"]}
    assert listed & set(ids.values()) == {ids["just-exited"], ids["silent"]}


def test_sign_ins_that_have_expired_are_removed(sql: Sql, remove: Callable[[], None]) -> None:
    keys = {"over": uuid4().hex, "valid": uuid4().hex}
    for name, key in keys.items():
        sign = "-" if name == "over" else "+"
        assert sql(
            "INSERT INTO django_session (session_key, session_data, expire_date) VALUES"
            f" ('{key}', '', now() {sign} interval '1 hour')"
        )[0]
    remove()
    left = sql(
        f"SELECT session_key FROM django_session WHERE session_key IN {tuple(keys.values())}"
    )
    assert left[1].split() == [keys["valid"]]
