"""Large messages and many rows: what is read at once is bounded, and nothing is left out."""

from __future__ import annotations

import csv
import io
import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import requests

from tests.engine import docker
from tests.integration.test_pages import signed_in
from tests.mcp_client import McpClient
from tests.rest import Api, Sql
from tests.web import Browser

if TYPE_CHECKING:
    from testbed.integration import TestbedStack

COUNT = 150
SIZE = 1_000_000
MOST = 2**24
"""Bytes of an answer, about."""


@pytest.fixture(scope="module")
def large(sql: Sql) -> str:
    """The execution of many messages of a megabyte, several times what the monitor may have."""
    execution = f"large-{uuid4()}"
    done, said = sql(
        "INSERT INTO swf_workflow_messages (message_id, message_type, execution_id, sender_agent,"
        " message_content, sent_at, recorded_at) SELECT gen_random_uuid(), 'large',"
        f" '{execution}', 'large', jsonb_build_object('n', n, 'text', repeat('x', {SIZE})),"
        f" now(), now() FROM generate_series(1, {COUNT}) AS n ORDER BY n"
    )
    assert done, said
    return execution


@pytest.fixture(scope="module", autouse=True)
def the_monitor_lives(stack: TestbedStack) -> Any:
    """Nothing here may cost the monitor its life."""

    def started() -> str:
        shown = "{{.State.StartedAt}} {{.RestartCount}}"
        return docker("inspect", "--format", shown, stack.container_id("monitor"))

    before = started()
    yield
    assert started() == before


def numbers(rows: list[Any]) -> list[int]:
    return [row["message_content"]["n"] for row in rows]


def test_an_array_of_large_messages_holds_the_newest_and_says_that_there_are_more(
    viewer: Api, large: str
) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(
                lambda _: viewer.request(
                    "GET", "workflow-messages/", params={"execution_id": large}
                ),
                range(8),
            )
        )
    for answer in answers:
        assert answer.status_code == 200
        assert answer.headers["X-Truncated"] == "true"
        assert len(answer.content) < MOST + 2 * SIZE
        found = numbers(answer.json())
        assert len(found) >= 10
        assert found == list(range(COUNT, COUNT - len(found), -1))


def test_pages_of_large_messages_are_short_and_lead_to_every_one(viewer: Api, large: str) -> None:
    found: list[int] = []
    address = f"workflow-messages/?execution_id={large}&limit=1000"
    while address:
        page = viewer.get(address)
        assert 1 <= len(page["results"]) <= 10
        found += numbers(page["results"])
        following = page["next"]
        address = following.split("/api/", 1)[1] if following else ""
    assert found == list(range(COUNT, 0, -1))
    back = numbers(page["results"])
    while page["previous"]:
        page = viewer.get(page["previous"].split("/api/", 1)[1])
        back = numbers(page["results"]) + back
    assert back == list(range(COUNT, 0, -1))


def test_a_client_that_missed_large_messages_gets_all_of_them(
    stack: TestbedStack, viewer: Api, large: str
) -> None:
    def catch_up(_: int) -> list[int]:
        found: list[int] = []
        parameters = {"execution_id": large}
        headers = {"Last-Event-ID": "0", **viewer._session.headers}
        url = f"{stack.monitor_url}/api/messages/stream/"
        with requests.get(url, params=parameters, headers=headers, stream=True, timeout=60) as got:
            for line in got.iter_lines(2**20):
                if line.startswith(b'data: {"n":') or line.startswith(b'data: {"text":'):
                    found.append(json.loads(line[6:])["n"])
                    if len(found) == COUNT:
                        return found
        return found

    with ThreadPoolExecutor(5) as threads:
        for found in threads.map(catch_up, range(5)):
            assert found == list(range(1, COUNT + 1))


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_a_download_of_large_messages_ends_and_says_so(
    stack: TestbedStack, large: str, kind: str
) -> None:
    browser = signed_in(stack, "viewer")
    answer = browser.get(f"/messages/?execution_id={large}&format={kind}")
    assert answer.status_code == 200
    assert answer.headers["X-Truncated"] == "true"
    assert SIZE < len(answer.content) < MOST + 2 * SIZE
    csv.field_size_limit(2 * SIZE)
    rows = (
        list(csv.DictReader(io.StringIO(answer.text))) if kind == "csv" else json.loads(answer.text)
    )
    assert len(rows) >= 10
    page = browser.get(f"/messages/?execution_id={large}")
    assert page.status_code == 200
    assert "Next" in page.text or 'rel="next"' in page.text


def test_the_admin_and_models_list_large_messages(stack: TestbedStack, large: str) -> None:
    admin = Browser(stack.monitor_url)
    admin.sign_in("admin", stack.session.project.secret("admin_password"))
    assert admin.get("/admin/records/workflowmessage/").status_code == 200
    mcp = McpClient(lambda: stack.monitor_url, stack.session.project.secret("token_viewer"))
    messages = mcp.call("list_messages", execution_id=large)["items"]
    assert len(messages) == COUNT
    assert "characters in all" in messages[0]["payload_summary"]


def test_lists_for_models_count_what_belongs_to_each_row(
    stack: TestbedStack, agent: Api, viewer: Api
) -> None:
    run = 810_000_000 + uuid4().int % 10**6
    now = datetime.now(UTC).isoformat()
    made = agent.post("runs/", {"run_number": run, "start_time": now}).json()
    names = [f"swf.{run}.{n:06d}.stf" for n in range(3)]
    files = [{"run": made["run_id"], "stf_filename": one, "status": "registered"} for one in names]
    for one in files:
        assert agent.post("stf-files/", {**one, "machine_state": "physics"}).status_code == 201
    for n in range(2):
        sample = {"stf_file": names[0], "tf_filename": f"{names[0]}.tf{n}", "status": "registered"}
        assert agent.post("fastmon-files/", sample).status_code == 201
    mcp = McpClient(lambda: stack.monitor_url, stack.session.project.secret("token_viewer"))
    runs = mcp.call("list_runs")["items"]
    assert [one["stf_file_count"] for one in runs if one["run_number"] == run] == [3]
    listed = mcp.call("list_stf_files", run_number=run)["items"]
    counts = {one["stf_filename"]: one["tf_file_count"] for one in listed}
    assert counts == {names[0]: 2, names[1]: 0, names[2]: 0}


def test_the_lane_of_an_agent_that_changes_often_shows_its_newest_states(
    stack: TestbedStack, agent: Api, sql: Sql
) -> None:
    execution, name = f"lanes-{uuid4()}", f"restless-{uuid4().hex[:8]}"
    definition = {
        "workflow_name": execution,
        "version": "1",
        "workflow_type": "test",
        "definition": "x",
        "created_by": "test",
    }
    made = agent.post("workflow-definitions/", definition).json()
    end = datetime(2026, 1, 1, 12, tzinfo=UTC)
    begin = end - timedelta(seconds=6000)
    row = {
        "execution_id": execution,
        "workflow_definition": made["id"],
        "namespace": execution,
        "status": "completed",
        "start_time": begin.isoformat(),
        "end_time": end.isoformat(),
        "executed_by": "test",
        "parameter_values": {},
    }
    assert agent.post("workflow-executions/", row).status_code == 201
    beat = {"instance_name": name, "operational_state": "READY", "status": "OK"}
    assert agent.post("systemagents/heartbeat/", beat).status_code == 201
    done, said = sql(
        "INSERT INTO swf_agent_state_changes (agent_id, instance_name, namespace,"
        " operational_state, status, description, changed_at) SELECT"
        f" (SELECT id FROM swf_systemagent WHERE instance_name = '{name}'), '{name}',"
        f" '{execution}', CASE n % 2 WHEN 0 THEN 'READY' ELSE 'PROCESSING' END, 'OK', '',"
        f" timestamptz '{begin.isoformat()}' + n * interval '1 second'"
        " FROM generate_series(0, 5990) AS n"
    )
    assert done, said
    page = signed_in(stack, "viewer").get(f"/executions/{execution}/").text
    lane = page.split(f"/agents/{name}/", 1)[1].split("</svg>", 1)[0]
    bars = [float(x) for x in re.findall(r'<rect class="busy" x="([\d.]+)"', lane)]
    left, right = (float(x) for x in re.findall(r'data-(?:left|right)="(\d+)"', page)[:2])
    assert max(bars) > right - (right - left) * 0.02, "the newest states are drawn"
    assert min(bars) > left + (right - left) * 0.1, "the oldest are left out"
