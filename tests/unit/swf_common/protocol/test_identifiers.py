"""Identifiers, destinations and heartbeats, as they appear on the wire."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from swf_common.protocol.destinations import (
    EPICTOPIC,
    TOPICS,
    WORKFLOW_CONTROL,
    consumer_queue,
    namespace_selector,
)
from swf_common.protocol.heartbeat import Heartbeat, is_stale
from swf_common.protocol.identifiers import is_namespace, same_container
from swf_common.protocol.states import ExecutionStatus

HEX = st.text("0123456789abcdef", min_size=64, max_size=64)


@pytest.mark.parametrize("name", ["a", "7", "torre1", "my-name_2", "x" * 40])
def test_a_namespace_is_a_short_lower_case_name(name: str) -> None:
    assert is_namespace(name)
    assert Heartbeat(instance_name="a", namespace=name).namespace == name


@pytest.mark.parametrize(
    "name", ["", "Torre", "-a", "_a", "a b", "a.b", "a/b", "x" * 41, "torre1\n", "\u00e9", "a'b"]
)
def test_anything_else_is_no_namespace(name: str) -> None:
    assert not is_namespace(name)


@given(HEX, st.integers(12, 64), st.integers(12, 64))
def test_ids_of_one_container_are_the_same_at_any_length(text: str, one: int, other: int) -> None:
    assert same_container(text[:one], text[:other])


@given(HEX, HEX, st.integers(12, 64))
def test_ids_of_two_containers_are_never_the_same(one: str, other: str, length: int) -> None:
    expected = one.startswith(other[:length])
    assert same_container(one, other[:length]) == same_container(other[:length], one) == expected


@given(HEX, st.integers(0, 11))
def test_an_id_that_is_too_short_names_no_container(text: str, length: int) -> None:
    assert not same_container(text, text[:length])


@pytest.mark.parametrize("topic", TOPICS)
def test_each_program_has_a_queue_of_its_own_for_a_topic(topic: str) -> None:
    queue = consumer_queue("torre1", "example-data-agent", topic)
    assert queue.startswith("/queue/Consumer.torre1-example-data-agent.")
    assert queue.endswith(topic.removeprefix("/topic/"))


def test_a_queue_has_no_consumer_queue() -> None:
    with pytest.raises(ValueError, match="/topic/"):
        consumer_queue("torre1", "runner", WORKFLOW_CONTROL)


def test_the_queues_of_namespaces_and_programs_are_distinct() -> None:
    pairs = [("torre1", "data"), ("torre2", "data"), ("torre1", "processing")]
    assert len({consumer_queue(*pair, EPICTOPIC) for pair in pairs}) == 3


def test_the_selector_names_the_namespace() -> None:
    assert namespace_selector("torre1") == "namespace = 'torre1'"


BEAT: dict[str, Any] = {
    "instance_name": "processing-agent-jane-0042",
    "agent_type": "processing",
    "program": "example-processing-agent",
    "namespace": "torre1",
    "container_id": "ab" * 32,
    "hostname": "abababababab",
    "operational_state": "READY",
    "status": "OK",
    "mq_connected": True,
    "description": "connected",
    "heartbeat_interval": 5,
    "workflow_enabled": True,
    "current_stf_count": 0,
    "total_stf_processed": 12,
    "metadata": {"uptime_s": 3.5},
}


def test_a_heartbeat_carries_every_field_of_the_contract() -> None:
    assert Heartbeat(**BEAT).model_dump(mode="json") == BEAT
    assert set(Heartbeat.model_fields) == set(BEAT)


def test_only_the_name_is_required_and_what_is_absent_is_not_written() -> None:
    assert Heartbeat(instance_name="a").model_dump(exclude_unset=True) == {"instance_name": "a"}
    with pytest.raises(ValidationError, match="instance_name"):
        Heartbeat.model_validate({"status": "OK"})


def test_an_unknown_field_of_an_old_agent_is_ignored() -> None:
    beat = Heartbeat.model_validate({**BEAT, "pid": 4711})
    assert beat == Heartbeat(**BEAT)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("instance_name", ""),
        ("instance_name", "x" * 101),
        ("namespace", "Torre 1"),
        ("container_id", "ab"),
        ("container_id", "xyz" * 10),
        ("container_id", "AB" * 32),
        ("operational_state", "ready"),
        ("status", "FINE"),
        ("heartbeat_interval", 0),
        ("heartbeat_interval", -5),
        ("heartbeat_interval", float("nan")),
        ("heartbeat_interval", float("inf")),
        ("current_stf_count", -1),
        ("total_stf_processed", 2**31),
        ("mq_connected", "perhaps"),
        ("metadata", "text"),
    ],
)
def test_a_bad_value_is_refused_with_the_name_of_its_field(name: str, value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        Heartbeat.model_validate({**BEAT, name: value})
    assert [error["loc"][0] for error in caught.value.errors()] == [name]


@pytest.mark.parametrize(
    ("age", "interval", "stale"),
    [
        (0, 5, False),
        (15, 5, False),
        (15.01, 5, True),
        (-3600, 5, False),
        (180, None, False),
        (181, None, True),
    ],
)
def test_a_heartbeat_is_stale_after_three_of_its_own_intervals(
    age: float, interval: float | None, stale: bool
) -> None:
    assert is_stale(age, interval) == stale


def test_three_of_the_states_of_an_execution_are_final() -> None:
    assert [status for status in ExecutionStatus if status.final] == [
        "completed",
        "failed",
        "terminated",
    ]
