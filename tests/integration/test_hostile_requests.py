"""What is sent with bad intent or by mistake: a clear 4xx, nothing stored, nothing broken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.rest import Api, log_record

if TYPE_CHECKING:
    from testbed.integration import TestbedStack

numbers = count(1)
LONG = "x" * 1_000_000
SQL = "x'; DROP TABLE swf_applog; --"


@pytest.fixture(autouse=True)
def nothing_broken(agent: Api, viewer: Api) -> Iterator[None]:
    """Afterwards the monitor still takes and shows records."""
    yield
    name = f"still-well-{next(numbers)}"
    assert agent.post("logs/", log_record(instance_name=name)).status_code == 201
    assert len(viewer.get("logs/", instance_name=name)) == 1


def test_html_in_a_log_message_stays_the_text_that_it_is(agent: Api, viewer: Api) -> None:
    text = "<script>alert(1)</script>"
    assert agent.post("logs/", log_record(instance_name="html", message=text)).status_code == 201
    answer = viewer.request("GET", "logs/", params={"instance_name": "html"})
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()[-1]["message"] == text


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("logs/", "instance_name"),
        ("logs/", "level"),
        ("logs/", "since"),
        ("workflow-messages/", "execution_id"),
        ("workflow-messages/", "cursor"),
        ("runs/", "run_number"),
        ("runs/", "limit"),
        ("systemagents/", "execution_id"),
        ("tf-slices/", "status"),
        ("stf-files/", "workflow_id"),
        ("runs/", SQL),
    ],
)
def test_sql_in_a_filter_finds_nothing_or_is_named(viewer: Api, path: str, parameter: str) -> None:
    answer = viewer.request("GET", path, params={"limit": "10", parameter: SQL})
    if answer.status_code == 200:
        assert answer.json()["results"] == []
    else:
        assert answer.status_code in (400, 404), answer.text


@pytest.mark.parametrize(
    "path",
    [
        "logs/",
        "runs/",
        "stf-files/",
        "systemagents/",
        "systemagents/heartbeat/",
        "namespaces/ensure/",
        "workflow-definitions/",
        "workflow-executions/start/",
    ],
)
def test_a_body_of_ten_megabytes_is_too_large(operator: Api, path: str) -> None:
    answer = operator.post(path, {"instance_name": "large", "message": "x" * 10_000_000})
    assert answer.status_code == 413
    assert "too large" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("logs/", log_record(message=LONG)),
        ("logs/", log_record(module=LONG)),
        ("logs/", log_record(extra_data={"deep": [{"text": LONG}]})),
        ("systemagents/heartbeat/", {"instance_name": "long", "description": LONG}),
        ("systemagents/heartbeat/", {"instance_name": "long", "metadata": {"a": LONG}}),
        ("systemagents/", {"instance_name": "long", "agent_type": "x", "description": LONG}),
        ("namespaces/ensure/", {"name": "long", "owner": "me", "description": LONG}),
        ("subscribers/", {"subscriber_name": "long", "description": LONG}),
        ("runs/", {"run_number": 7, "start_time": "2026-01-01T00:00:00", "run_conditions": [LONG]}),
    ],
)
def test_a_text_of_a_megabyte_is_refused(operator: Api, path: str, body: dict[str, Any]) -> None:
    answer = operator.post(path, body)
    assert answer.status_code == 400, answer.text[:300]
    assert len(answer.text) < 2_000


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("logs/", log_record(message="a\x00b")),
        ("logs/", log_record(extra_data={"a\x00": 1})),
        ("systemagents/heartbeat/", {"instance_name": "nul\x00"}),
        ("systemagents/heartbeat/", {"instance_name": "nul", "metadata": {"a": ["\x00"]}}),
        ("namespaces/ensure/", {"name": "nul\x00", "owner": "me"}),
    ],
)
def test_nul_characters_are_refused(operator: Api, path: str, body: dict[str, Any]) -> None:
    answer = operator.post(path, body)
    assert answer.status_code == 400
    assert "NUL" in answer.text


@pytest.mark.parametrize("body", [None, 7, "text", [], [7], [[]], {"a": 1}, True])
@pytest.mark.parametrize(
    "path",
    [
        "logs/",
        "runs/",
        "stf-files/",
        "fastmon-files/",
        "tf-slices/",
        "workers/",
        "subscribers/",
        "system-state-events/",
        "run-states/",
        "systemagents/",
        "systemagents/heartbeat/",
        "namespaces/ensure/",
        "workflow-definitions/",
        "workflow-executions/",
        "workflow-executions/start/",
    ],
)
def test_bodies_of_wrong_types_are_refused(operator: Api, path: str, body: Any) -> None:
    headers = {"Content-Type": "application/json"}
    answer = operator.request("POST", path, data=json.dumps(body), headers=headers)
    assert answer.status_code == 400 or (body == [] and answer.status_code == 201), answer.text


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b'{"a": 1e999}', b'{"a": NaN}', b"[" * 100_000, b'"\\ud800"']
)
def test_bodies_that_are_no_json_are_refused(stack: TestbedStack, body: bytes) -> None:
    for path in ("logs/", "systemagents/heartbeat/"):
        answer = requests.post(
            f"{stack.monitor_url}/api/{path}",
            data=body,
            headers={
                "Authorization": f"Token {stack.session.project.secret('token_agent')}",
                "Content-Type": "application/json",
            },
            timeout=20,
        )
        assert answer.status_code == 400, (path, answer.text)


def test_another_kind_of_body_is_refused(stack: TestbedStack) -> None:
    headers = {"Authorization": f"Token {stack.session.project.secret('token_agent')}"}
    for path in ("logs/", "systemagents/heartbeat/"):
        url = f"{stack.monitor_url}/api/{path}"
        answer = requests.post(url, data={"instance_name": "form"}, headers=headers, timeout=20)
        assert answer.status_code == 415


def test_a_token_that_opens_nothing_is_told(stack: TestbedStack) -> None:
    for header in ("Token", "Token wrong", "Token a b", "Bearer wrong"):
        for path in ("runs/", "systemagents/heartbeat/", "messages/stream/"):
            method = "POST" if "heartbeat" in path else "GET"
            answer = requests.request(
                method,
                f"{stack.monitor_url}/api/{path}",
                headers={"Authorization": header, "Content-Type": "application/json"},
                timeout=20,
            )
            assert answer.status_code == 401, (header, path)
            assert "WWW-Authenticate" in answer.headers
