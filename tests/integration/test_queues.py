"""Queues and dead letters on a real stack: what waits, how it is dropped, why it was refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from swf_common.broker.connection import BrokerLink
from swf_common.broker.model import Subscription
from swf_common.protocol.destinations import EPICTOPIC, consumer_queue
from tests.broker import connected
from tests.integration.test_pages import signed_in
from tests.mcp_client import McpClient
from tests.rest import Api, Sql
from tests.waiting import eventually

if TYPE_CHECKING:
    from testbed.integration import TestbedStack

DATA = "example-data-agent"
DAYS_8 = 8 * 86_400


@pytest.fixture
def orphan(stack: TestbedStack, sender: BrokerLink) -> str:
    """The queue of a program that was there once, with three messages in it."""
    program = f"orphan-{uuid4().hex[:8]}"
    queue = consumer_queue(stack.namespace, program, EPICTOPIC)
    with connected(stack, program, Subscription(queue)):
        pass
    for number in range(3):
        announce(stack, sender, f"orphaned-{number % 2}")
    return queue.removeprefix("/queue/")


def announce(stack: TestbedStack, sender: BrokerLink, execution: str, **fields: Any) -> Any:
    """Send a message to every program."""
    content = {
        "msg_type": "announcement",
        "message_id": str(uuid4()),
        "namespace": stack.namespace,
        "execution_id": execution,
        **fields,
    }
    headers = {"persistent": "true", "execution_id": execution}
    sender.send(EPICTOPIC, json.dumps(content), headers)
    return content


def queue_of(viewer: Api, name: str) -> Any:
    """A queue as the monitor shows it."""
    return next((one for one in viewer.get("queues/") if one["queue"] == name), None)


def filled(viewer: Api, name: str) -> Any:
    """A queue, once its three messages wait."""

    def look() -> Any:
        found = queue_of(viewer, name)
        return found if found and found["waiting"] >= 3 else None

    return eventually(look, "three messages wait")


def watched(viewer: Api, name: str) -> None:
    """Wait until the recorder sees that nobody consumes; a look of ours is a consumer too."""
    seen = lambda: queue_of(viewer, name)["unconsumed_s"] is not None  # noqa: E731
    eventually(seen, "the recorder sees that nobody consumes", 60, every=3)


def test_a_queue_without_a_consumer_shows_what_waits_and_since_when(
    viewer: Api, orphan: str
) -> None:
    before = datetime.now(UTC)
    found = filled(viewer, orphan)
    assert (found["consumers"], found["in_flight"]) == (0, 0)
    assert abs(datetime.fromisoformat(found["oldest_at"]) - before) < timedelta(seconds=30)
    assert found["expires_after_s"] == 7 * 86_400
    watched(viewer, orphan)


def test_looking_at_a_queue_takes_nothing_from_it(viewer: Api, orphan: str) -> None:
    waiting = filled(viewer, orphan)["waiting"]
    for _ in range(3):
        found = queue_of(viewer, orphan)
        assert (found["waiting"], found["in_flight"]) == (waiting, 0)


def test_an_operator_empties_a_queue_and_the_log_says_who(
    operator: Api, viewer: Api, orphan: str
) -> None:
    filled(viewer, orphan)
    path = f"queues/{orphan}/purge/"
    assert viewer.post(path).status_code == 403
    done = operator.post(path)
    assert done.status_code == 200, done.text
    answer = done.json()
    assert answer["messages"] >= 3
    assert answer["executions"]["orphaned-0"] >= 2
    assert queue_of(viewer, orphan)["waiting"] == 0
    eventually(
        lambda: viewer.get("logs/", search=f"emptied {orphan}", limit=1)["results"],
        "the monitor's log names the queue",
    )


def test_queues_in_use_and_the_recorders_are_not_emptied(
    stack: TestbedStack, operator: Api
) -> None:
    name = consumer_queue(stack.namespace, DATA, EPICTOPIC).removeprefix("/queue/")
    refused = operator.post(f"queues/{name}/purge/")
    assert refused.status_code == 409
    assert f"testbed agents stop {DATA}" in refused.json()["detail"]
    own = name.replace(DATA, "recorder")
    assert operator.post(f"queues/{own}/purge/").status_code == 409
    assert operator.post("queues/workflow_control/purge/").status_code == 404


def test_a_queue_that_nobody_consumed_from_for_long_is_emptied(
    viewer: Api, orphan: str, sql: Sql
) -> None:
    filled(viewer, orphan)
    watched(viewer, orphan)
    changed = f"UPDATE swf_queue_absences SET absent_s = {DAYS_8} WHERE queue = '{orphan}'"
    assert sql(changed)[0]
    eventually(lambda: queue_of(viewer, orphan)["waiting"] == 0, "the queue expires", 75, every=3)
    eventually(
        lambda: viewer.get("logs/", search=f"nobody consumed from {orphan}", limit=1)["results"],
        "the recorder's log says so",
    )


def test_a_dead_letter_says_which_error_for_which_file_by_whom(
    stack: TestbedStack, sender: BrokerLink, viewer: Api
) -> None:
    run = str(10**15 + uuid4().int % 10**9)  # other tests expect that there is no run 1
    file = f"swf.{run}.000001.stf"
    sent = announce(
        stack,
        sender,
        f"poison-{uuid4().hex[:8]}",
        msg_type="stf_gen",
        run_id=run,
        state="run",
        substate="physics",
        simulation_tick=1.0,
        filename=file,
        sequence=1,
        file_url=f"file:///data/daq/{run}/{file}",
        checksum="sha256:00",
        size_bytes=10**30,
        tf_count=1,
        start="2026-01-05T12:00:00Z",
        end="2026-01-05T12:00:01Z",
    )

    def letter() -> Any:
        rows = viewer.get("dead-letters/", execution_id=sent["execution_id"])
        mine = [row for row in rows if DATA in row["destination"]]
        return next((row for row in mine if row["failure"] and row["failure"]["try"] == 5), None)

    found = eventually(letter, "the fifth try is reported", 60)
    failure = found["failure"]
    assert (failure["error"], failure["subject"]) == ("MonitorRefused", file)
    assert "file_size_bytes" in failure["text"]
    assert failure["message_id"] == sent["message_id"]
    assert failure["agent"].startswith("data-agent-")
    assert failure["place"].startswith("agents/programs/example_data_agent/agent.py:")
    for part in ("MonitorRefused", file, sent["message_id"], failure["agent"], "try 5"):
        assert part in found["cause"], part

    lines = viewer.get("logs/", app_name=DATA, search=sent["message_id"])
    assert len(lines) == 5, "a line for each try"
    assert sum("Traceback" in line["message"] for line in lines) == 1
    assert any(line["id"] == failure["log_id"] for line in lines)

    shown = stack.command("dead-letters", "show", str(found["id"]))
    assert shown.returncode == 0, shown.stderr
    page = signed_in(stack, "viewer").get(f"/dead-letters/{found['id']}/").text
    key = stack.session.project.secret("token_viewer")
    told = McpClient(lambda: stack.monitor_url, key, "auto").call(
        "get_dead_letter", letter_id=found["id"]
    )
    assert told["failure"] == failure
    for part in ("MonitorRefused", file, failure["agent"], failure["place"]):
        assert part in shown.stdout, part
        assert part in page, part
    discarded = stack.command("dead-letters", "discard", str(found["id"]))
    assert discarded.returncode == 0, discarded.stderr
    assert viewer.get(f"dead-letters/{found['id']}/")["resolution"] == "discarded"
    again = stack.command("dead-letters", "retry", str(found["id"]))
    assert (again.returncode, "discarded already" in again.stderr) == (2, True)


def test_the_command_lists_and_empties_queues(
    stack: TestbedStack, viewer: Api, orphan: str
) -> None:
    filled(viewer, orphan)
    status = json.loads(stack.command("status", "--json").stdout)
    assert orphan in [queue["queue"] for queue in status["waiting_queues"]]
    listed = json.loads(stack.command("queues", "--json").stdout)
    assert orphan in [queue["queue"] for queue in listed]
    program = orphan.split(".")[1].removeprefix(f"{stack.namespace}-")
    refused = stack.command("queues", "purge", program)
    assert (refused.returncode, "add --yes" in refused.stderr) == (2, True)
    done = stack.command("queues", "purge", program, "--yes")
    assert done.returncode == 0, done.stderr
    assert "messages are dropped" in done.stderr
    status = json.loads(stack.command("status", "--json").stdout)
    assert orphan not in [queue["queue"] for queue in status["waiting_queues"]]
