"""The pure parts of the MCP server: windows of time, bounded texts, tools and their schemas."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

import pytest
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import TypeAdapter

from monitor.live.admission import Refusal, check_host
from monitor.mcp import server as mcp_server
from monitor.mcp.lists import one_of
from monitor.mcp.server import CATEGORIES, make_server
from monitor.mcp.texts import JSON_LENGTH, TEXT_LENGTH, Untrusted, UntrustedJson, cut, cut_json
from monitor.mcp.times import Window, read_time, window
from monitor.records.models import SystemAgent
from monitor.records.queries.agents import heard_of
from swf_common.protocol.states import AgentStatus, ExecutionStatus

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
DAY = timedelta(days=1)
TOOLS = {
    "get_system_state": "list_agents get_agent list_namespaces get_namespace",
    "list_workflow_definitions": "list_workflow_executions get_workflow_execution end_execution "
    "get_workflow_monitor",
    "list_runs": "get_run list_stf_files get_stf_file list_tf_slices get_tf_slice",
    "list_messages": "send_message list_logs get_log_entry",
    "list_dead_letters": "get_dead_letter",
    "start_workflow": "stop_workflow",
    "list_supervised_agents": "start_supervised_agent stop_supervised_agent "
    "restart_supervised_agent get_agent_instance_status kill_agent",
}
"""The tools of the contract."""


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-05T12:00:00", NOON),
        ("2026-01-05T12:00:00Z", NOON),
        ("2026-01-05T13:00:00+01:00", NOON),
        ("2026-01-05 12:00", NOON),
        ("2026-01-05", NOON - timedelta(hours=12)),
    ],
)
def test_a_time_without_an_offset_is_utc(text: str, moment: datetime) -> None:
    read = read_time(text)
    assert read == moment
    assert read is not None
    assert read.tzinfo == UTC


@pytest.mark.parametrize("value", ["yesterday", "", "1767614400", "12:00", 5, 5.0, [], True])
def test_a_malformed_time_is_an_error(value: object) -> None:
    with pytest.raises(ValueError, match="is no time; write ISO 8601"):
        read_time(value)


@pytest.mark.parametrize(
    ("start", "end", "usual", "expected"),
    [
        (None, None, None, Window(None, None)),
        (None, None, DAY, Window(NOON - DAY, None)),
        (None, NOON - DAY, DAY, Window(NOON - 2 * DAY, NOON - DAY)),
        (NOON - 3 * DAY, None, DAY, Window(NOON - 3 * DAY, None)),
        (NOON, NOON, DAY, Window(NOON, NOON)),
    ],
)
def test_a_window_reaches_back_as_far_as_usual(
    start: datetime | None, end: datetime | None, usual: timedelta | None, expected: Window
) -> None:
    assert window(start, end, usual, NOON) == expected


def test_a_window_that_ends_before_it_starts_is_an_error() -> None:
    with pytest.raises(ToolError, match="start_time lies after end_time"):
        window(NOON, NOON - DAY)


def test_a_window_limits_a_field_only_where_it_has_an_end() -> None:
    assert Window(NOON, None).of("sent_at") == {"sent_at__gte": NOON}
    assert Window(None, NOON).of("sent_at") == {"sent_at__lte": NOON}


def test_a_long_text_is_cut_and_says_so() -> None:
    text = TypeAdapter(Untrusted).validate_python("x" * 10_000)
    assert len(text) == TEXT_LENGTH
    assert text.endswith("[truncated: 10000 characters in all]")
    assert TypeAdapter(Untrusted).validate_python(text) == text, "cutting it again changes nothing"


def test_a_short_text_stays_as_it_is() -> None:
    assert cut("x" * TEXT_LENGTH) == "x" * TEXT_LENGTH
    assert TypeAdapter(Untrusted | None).validate_python(None) is None


def test_large_json_becomes_the_beginning_of_its_text() -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(UntrustedJson)
    assert adapter.validate_python({"a": [1, None]}) == {"a": [1, None]}
    text = adapter.validate_python({"a": "x" * JSON_LENGTH})
    assert text.startswith('{"a": "xxx')
    assert len(text) == JSON_LENGTH
    assert cut_json(text) == text


class Colour(StrEnum):
    RED = "red"


def test_a_state_is_found_in_any_case_and_an_unknown_one_lists_those_that_there_are() -> None:
    assert one_of(" Running ", ExecutionStatus) == "running"
    assert one_of("ok", AgentStatus) == "OK"
    with pytest.raises(ToolError, match="'blue' is no status; there are: red"):
        one_of("blue", Colour)


def test_an_agent_that_was_never_heard_of_is_not_fresh() -> None:
    assert heard_of(SystemAgent(heartbeat_interval=5.0), NOON) is False


# --- Hosts ----------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:32768", "monitor:8000", "[::1]:8000"])
def test_our_own_names_are_served_on_every_port(host: str) -> None:
    check_host(host, None)
    check_host(host, f"http://{host}")


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("evil.example", None, 421),
        ("localhost.evil.example:80", None, 421),
        ("", None, 421),
        ("localhost", "http://evil.example", 403),
        ("localhost", "null", 403),
    ],
)
def test_other_names_are_refused(host: str, origin: str | None, status: int) -> None:
    with pytest.raises(Refusal) as caught:
        check_host(host, origin)
    assert caught.value.status_code == status


def test_a_host_may_be_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.conf.settings.ALLOWED_HOSTS", [".lab.example"])
    check_host("testbed.lab.example:8443", None)


# --- Tools ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tools() -> dict[str, Any]:
    """The tools as a client sees them, by name."""
    listed = asyncio.run(make_server().list_tools())
    return {tool.name: tool for tool in listed}


def test_there_are_exactly_the_tools_of_the_contract(tools: dict[str, Any]) -> None:
    wanted = {name for first, rest in TOOLS.items() for name in (first, *rest.split())}
    assert set(tools) == wanted


def test_every_tool_says_what_it_does_takes_and_gives(tools: dict[str, Any]) -> None:
    for tool in tools.values():
        assert len(tool.description) > 80, tool.name
        assert tool.input_schema["additionalProperties"] is False, tool.name
        assert tool.output_schema["type"] == "object", tool.name
        for name, parameter in tool.input_schema["properties"].items():
            assert parameter.get("description"), f"{tool.name} {name}"


def test_every_list_has_the_envelope_and_a_limit(tools: dict[str, Any]) -> None:
    for name, tool in tools.items():
        if name.startswith("list_"):
            assert {"items", "total_count", "has_more"} <= set(tool.output_schema["properties"])
            if name != "list_supervised_agents":
                assert tool.input_schema["properties"]["limit"]["maximum"] in (100, 200)


def test_only_an_operator_can_be_the_caller_of_a_tool_that_acts() -> None:
    for category in CATEGORIES:
        for function in category.ACTING:
            assert function.__annotations__["caller"] == "Operator", function.__name__
        for function in category.READING:
            assert function.__annotations__.get("caller") != "Operator", function.__name__


def test_who_may_destroy_is_a_tool_that_acts(tools: dict[str, Any]) -> None:
    for name in mcp_server.DESTRUCTIVE:
        assert tools[name].annotations.read_only_hint is False


def test_texts_of_agents_are_marked_as_data(tools: dict[str, Any]) -> None:
    for name in ("list_logs", "get_log_entry", "list_messages", "get_agent", "get_dead_letter"):
        assert "untrusted data" in json.dumps(tools[name].output_schema), name


def test_offsets_of_other_zones_are_turned_into_utc() -> None:
    moment = datetime(2026, 1, 5, 7, tzinfo=timezone(timedelta(hours=-5)))
    assert read_time(moment.isoformat()) == NOON
