"""REST, MCP and pages give the same answer to the same question about the same records."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from swf_common.broker.connection import BrokerLink
from swf_common.protocol.destinations import EPICTOPIC
from tests.integration.test_pages import signed_in
from tests.mcp_client import McpClient
from tests.rest import Api, log_record
from tests.waiting import eventually
from tests.web import Browser

if TYPE_CHECKING:
    from testbed.integration import TestbedStack

PROGRAM = "example-processing-agent"


@pytest.fixture(scope="module")
def page(stack: TestbedStack) -> Browser:
    return signed_in(stack, "viewer")


@pytest.fixture(scope="module")
def mcp(stack: TestbedStack) -> McpClient:
    return McpClient(lambda: stack.monitor_url, stack.session.project.secret("token_viewer"))


def test_which_agent_is_the_newest_of_a_container(
    stack: TestbedStack, page: Browser, mcp: McpClient, viewer: Api, agent: Api
) -> None:
    stack.gate().wait()
    container = stack.container_id(PROGRAM)
    made = {"instance_name": f"by-hand-{uuid4().hex[:8]}", "namespace": stack.namespace}
    silent = {**made, "container_id": container, "program": PROGRAM}
    key = agent.post("systemagents/", silent).json()["id"]
    said = viewer.get("readiness/")["heartbeats"]
    (rest,) = [one for one in said if container.startswith(one["container_id"][:12])]
    items = mcp.call("list_supervised_agents")["items"]
    (told,) = [one for one in items if one["container_id"] == container]
    row = page.get("/containers/").text.split(f'<tr data-program="{PROGRAM}">')[1].split("</tr>")[0]
    (shown,) = re.findall(r'<a href="/agents/[^"]+">([^<]+)</a>', row)
    assert agent.patch(f"systemagents/{key}/", {"operational_state": "EXITED"}).status_code == 200
    assert rest["instance_name"] == told["instance_name"] == unescape(shown)
    assert rest["instance_name"] != silent["instance_name"]
    assert rest["operational_state"] == told["operational_state"]


def test_which_log_records_hold_a_text_and_who_wrote_how_many_errors(
    page: Browser, mcp: McpClient, viewer: Api, agent: Api
) -> None:
    name, text = f"writer-{uuid4().hex[:8]}", uuid4().hex[:8]
    levels = {"INFO": 20, "ERROR": 40, "CRITICAL": 50}
    lines = [
        log_record(
            app_name=name, instance_name=name, level=number, levelname=level, message=f"an {text}"
        )
        for level, number in levels.items()
    ]
    agent.post("logs/", [*lines, *lines])
    filters = f"search={text.upper()}&instance_name={name}"
    rest = [row["id"] for row in viewer.request("GET", f"logs/?{filters}").json()]
    told = mcp.call("list_logs", search=text.upper(), instance_name=name)["items"]
    shown = page.get(f"/logs/?{filters}&format=json").json()
    assert rest == [row["id"] for row in told] == [row["no."] for row in shown]
    assert len(rest) == 6
    assert viewer.request("GET", "logs/?search=ab").status_code == 400
    assert "search" in mcp.refused("list_logs", search="ab")

    summary = viewer.get("logs/summary/", instance_name=name)[name][name]
    row = page.get("/logs/summary/").text.split(f">{name}</a>")[1].split("</tr>")[0]
    counts = dict(re.findall(r"levelname=(\w+)\">(\d+)<", row))
    assert counts == dict.fromkeys(levels, "2")
    assert summary["error_counts"] == {"ERROR": 2, "CRITICAL": 2}
    newest = [error["levelname"] for error in summary["recent_errors"]]
    assert newest == ["CRITICAL", "ERROR", "CRITICAL", "ERROR"]


def test_how_the_testbed_is_and_how_many_dead_letters_are_open(
    stack: TestbedStack, page: Browser, mcp: McpClient, viewer: Api, sender: BrokerLink
) -> None:
    before = viewer.get("backlog/")["dead_letters"]
    sender.send(EPICTOPIC, f"no json {uuid4().hex}", {"persistent": "true"})
    eventually(
        lambda: viewer.get("backlog/")["dead_letters"] > before, "the recorder keeps the letter"
    )

    def answers() -> Any:
        state = mcp.call("get_system_state")
        text = page.get("/").text
        (word,) = re.findall(r"<strong>([^<]+)</strong>", text)
        (letters,) = re.findall(r">(\d+) open<", text)
        metrics = page.get("/metrics").text
        (metric,) = re.findall(r"^testbed_dead_letters (\d+)", metrics, re.MULTILINE)
        counts = {viewer.get("backlog/")["dead_letters"], state["dead_letters"]}
        if {*counts, int(letters), int(float(metric))} == counts and len(counts) == 1:
            return state if word == state["verdict"] else None
        return None

    state = eventually(answers, "they agree, while no letter comes")
    assert state["verdict"] == "degraded"
    assert any("open: look, then retry or discard" in one for one in state["troubles"])


def test_how_many_files_a_run_has_and_how_often_a_workflow_ran(
    page: Browser, mcp: McpClient, viewer: Api, agent: Api
) -> None:
    number = 10**6 + uuid4().int % 10**6
    run = {"run_number": number, "start_time": datetime.now(UTC).isoformat()}
    key = agent.post("runs/", run).json()["run_id"]
    names = [f"{number}.{n}.stf" for n in range(3)]
    for name in names:
        agent.post("stf-files/", {"run": key, "stf_filename": name})
    agent.patch("stf-files/", [{"stf_filename": names[0], "status": "failed"}])
    rest = [row["status"] for row in viewer.get("stf-files/", run_number=number)]
    told = mcp.call("get_run", run_number=number)
    (shown,) = page.get(f"/runs/?run_number={number}&format=json").json()
    assert len(rest) == told["stf_file_count"] == shown["stf_files"] == 3
    wanted = {"registered": 2, "failed": 1}
    assert {name: n for name, n in told["file_stats"].items() if n} == wanted
    assert "2 registered, 1 failed" in page.get(f"/runs/{number}/").text

    items = mcp.call("list_workflow_definitions")["items"]
    rows = page.get("/definitions/?format=json").json()
    assert {(one["workflow_name"], one["execution_count"]) for one in items} == {
        (one["workflow"], one["executions"]) for one in rows[: len(items)]
    }
