"""A workflow-runner that falls silent: its execution ends once, as what it was (decision 0022)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from swf_common.broker.connection import BrokerLink
from tests.integration.test_recorder import message, send
from tests.integration.test_rest_records import make_run
from tests.integration.test_slice_results import new_execution
from tests.rest import Api, Sql
from tests.waiting import eventually

if TYPE_CHECKING:
    from testbed.integration import TestbedStack

GRACE_S = 60
"""Seconds that a runner may be EXITED before its execution is ended."""


class SilentRunner:
    """A runner that is EXITED, and its execution, whose run is announced and recorded."""

    def __init__(self, stack: TestbedStack, agent: Api, sender: BrokerLink, sql: Sql) -> None:
        self.name = f"workflow-runner-agent-{uuid4().hex[:8]}"
        self._agent, self._sql = agent, sql
        self.run_id = str(make_run(agent))
        self.execution = new_execution(
            agent,
            namespace=stack.namespace,
            runner_instance=self.name,
            run_number=int(self.run_id),
        )
        self.beat("EXITED", "EXITED")
        send(
            sender,
            message(
                stack,
                msg_type="run_imminent",
                execution_id=self.execution,
                run_id=self.run_id,
                state="beam",
                substate="not_ready",
                simulation_tick=0,
            ),
        )
        eventually(lambda: self.kinds() == ["run_imminent"], "the run is announced")

    def beat(self, state: str, status: str) -> None:
        body = {
            "instance_name": self.name,
            "operational_state": state,
            "status": status,
            "heartbeat_interval": 60,
            "metadata": {"execution_id": self.execution},
        }
        assert self._agent.post("systemagents/heartbeat/", body).status_code in (200, 201)

    def grow_old(self, seconds: float) -> None:
        """Let it have been EXITED for so long."""
        done, said = self._sql(
            f"UPDATE swf_systemagent SET updated_at = now() - interval '{seconds} seconds' "
            f"WHERE instance_name = '{self.name}'"
        )
        assert done, said

    def record(self) -> Any:
        return self._agent.get(f"workflow-executions/{self.execution}/")

    def kinds(self) -> list[str]:
        rows = self._agent.get("workflow-messages/", execution_id=self.execution)
        return [row["message_type"] for row in rows]

    def close(self, status: str) -> Any:
        """What the runner's own end is answered with."""
        path = f"workflow-executions/{self.execution}/"
        return self._agent.patch(path, {"status": status, "reason": status})


@pytest.fixture
def runner(stack: TestbedStack, agent: Api, sender: BrokerLink, sql: Sql) -> SilentRunner:
    return SilentRunner(stack, agent, sender, sql)


def test_within_its_grace_a_silent_runner_loses_nothing(runner: SilentRunner, sql: Sql) -> None:
    runner.grow_old(GRACE_S - 30)
    done, passes = sql("SELECT updated_at FROM swf_recorder_status")
    assert done, passes
    eventually(lambda: sql("SELECT updated_at FROM swf_recorder_status")[1] != passes, "a pass")
    assert runner.record()["status"] == "running"
    assert runner.close("completed").status_code == 200


def test_behind_its_grace_its_execution_and_run_end_once_and_for_good(
    runner: SilentRunner,
) -> None:
    runner.grow_old(GRACE_S + 1)
    eventually(lambda: runner.record()["status"] == "failed", "the recorder ends the execution")
    assert f"{runner.name} is gone: it did not come back within 60 s" in runner.record()["reason"]
    eventually(lambda: "end_run" in runner.kinds(), "the recorder closes the run")
    refused = runner.close("completed")
    assert (refused.status_code, "that is final" in refused.text) == (400, True)
    assert runner.record()["status"] == "failed"
    assert runner.kinds().count("end_run") == 1


def test_a_runner_that_is_back_before_its_run_is_closed_ends_it_itself(
    runner: SilentRunner,
) -> None:
    runner.grow_old(GRACE_S + 1)
    eventually(lambda: runner.record()["status"] == "failed", "the recorder ends the execution")
    runner.beat("PROCESSING", "OK")
    assert runner.close("completed").status_code == 200
    record = runner.record()
    assert (record["status"], record["reason"]) == ("completed", "completed")
    assert "ended_by" not in record["performance_metrics"]
    assert "end_run" not in runner.kinds()
