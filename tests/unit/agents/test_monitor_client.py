"""How agents talk to the monitor: what is waited for, what is refused, what is kept."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from agents.runtime.logs import LogShipper
from swf_common.service import log_queue
from swf_common.service.monitor_client import (
    MonitorClient,
    MonitorRefused,
    MonitorUnavailable,
    Stopped,
)
from tests.unit.testbed.monitor_server import MonitorServer

LOGS = "logs/"


@pytest.fixture
def stopping() -> threading.Event:
    return threading.Event()


@pytest.fixture
def client(monitor: MonitorServer, stopping: threading.Event) -> MonitorClient:
    return MonitorClient(monitor.url, "a-token", stopping)


def test_a_request_is_answered(client: MonitorClient, monitor: MonitorServer) -> None:
    monitor.answers["GET", "runs/"] = (200, [{"run_id": 7}])
    assert client.once("GET", "runs/", run_number="100010") == [{"run_id": 7}]
    (request,) = monitor.requests
    assert request.params == {"run_number": "100010"}
    assert request.authorization == "Token a-token"


def test_an_empty_answer_is_none(client: MonitorClient, monitor: MonitorServer) -> None:
    monitor.answers["POST", "x/"] = (200, b"")
    assert client.once("POST", "x/") is None


@pytest.mark.parametrize("status", [502, 503, 504])
def test_come_back_later_means_away(
    client: MonitorClient, monitor: MonitorServer, status: int
) -> None:
    monitor.answers["GET", "runs/"] = (status, {})
    with pytest.raises(MonitorUnavailable):
        client.once("GET", "runs/")


@pytest.mark.parametrize("status", [301, 400, 403, 404, 409, 500])
def test_any_other_status_is_a_refusal_with_its_text(
    client: MonitorClient, monitor: MonitorServer, status: int
) -> None:
    monitor.answers["GET", "runs/"] = (status, {"detail": "not like this"})
    with pytest.raises(MonitorRefused, match="not like this") as caught:
        client.once("GET", "runs/")
    assert caught.value.status == status


def test_nobody_there_means_away(client: MonitorClient, monitor: MonitorServer) -> None:
    monitor.stop()
    with pytest.raises(MonitorUnavailable):
        client.once("GET", "runs/")


def test_an_answer_that_breaks_off_means_away(
    client: MonitorClient, monitor: MonitorServer
) -> None:
    """So does a monitor that is killed while it answers."""
    monitor.breaking_off = True
    with pytest.raises(MonitorUnavailable):
        client.once("GET", "runs/")


def test_an_answer_that_is_no_json_means_away_or_refused(
    client: MonitorClient, monitor: MonitorServer
) -> None:
    monitor.answers["GET", "runs/"] = (200, b"<html>")
    with pytest.raises((MonitorUnavailable, MonitorRefused)):
        client.once("GET", "runs/")


def test_a_call_waits_until_the_monitor_is_back(
    client: MonitorClient, monitor: MonitorServer
) -> None:
    monitor.away = True
    answers: list[Any] = []
    caller = threading.Thread(target=lambda: answers.append(client.call("GET", "runs/")))
    caller.start()
    monitor.wait(lambda: len(monitor.requests) >= 2, "a second attempt")
    monitor.away = False
    caller.join(5)
    assert answers == [[]]


def test_a_call_is_given_up_when_the_agent_stops(
    client: MonitorClient, monitor: MonitorServer, stopping: threading.Event
) -> None:
    monitor.away = True
    stopping.set()
    with pytest.raises(Stopped):
        client.call("GET", "runs/")


def test_a_call_does_not_repeat_what_is_refused(
    client: MonitorClient, monitor: MonitorServer
) -> None:
    monitor.answers["POST", "runs/"] = (400, {})
    with pytest.raises(MonitorRefused):
        client.call("POST", "runs/", {})
    assert len(monitor.requests) == 1


@pytest.fixture
def log(client: MonitorClient) -> Iterator[logging.Logger]:
    """A logger whose records go to a shipper that is not started yet."""
    context = {"program": "example-data-agent", "execution_id": "e-1", "run_id": None}
    shipper = LogShipper(client, "data-agent-jane-0001", lambda: context)
    logger = logging.getLogger("test of the shipper")
    logger.setLevel(logging.INFO)
    logger.addHandler(shipper)
    yield logger
    logger.removeHandler(shipper)


def shipper_of(log: logging.Logger) -> LogShipper:
    (shipper,) = log.handlers
    assert isinstance(shipper, LogShipper)
    return shipper


def posted(monitor: MonitorServer) -> list[Any]:
    return [record for request in monitor.of("POST", LOGS) for record in request.body]


def test_records_go_to_the_monitor_with_their_context(
    log: logging.Logger, monitor: MonitorServer
) -> None:
    shipper_of(log).start()
    log.info("%d files", 3)
    shipper_of(log).stop(5)
    (record,) = posted(monitor)
    assert (record["message"], record["levelname"]) == ("3 files", "INFO")
    assert (record["app_name"], record["instance_name"]) == (
        "example-data-agent",
        "data-agent-jane-0001",
    )
    assert record["extra_data"] == {
        "program": "example-data-agent",
        "execution_id": "e-1",
        "logger": "test of the shipper",
    }
    assert record["timestamp"].endswith("+00:00")


def test_records_go_in_their_order_in_batches(
    log: logging.Logger, monitor: MonitorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LogShipper, "batch", 10)
    monkeypatch.setattr(log_queue, "PERIOD_S", 0.02)
    for number in range(25):
        log.info("%d", number)
    shipper_of(log).start()
    shipper_of(log).stop(5)
    assert [record["message"] for record in posted(monitor)] == [str(n) for n in range(25)]
    assert [len(request.body) for request in monitor.of("POST", LOGS)] == [10, 10, 5]


def test_records_are_kept_while_the_monitor_is_away(
    log: logging.Logger, monitor: MonitorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_queue, "PERIOD_S", 0.02)
    monitor.away = True
    shipper_of(log).start()
    log.info("first")
    monitor.wait(lambda: monitor.of("POST", LOGS), "an attempt")
    log.info("second")
    monitor.away = False
    count = len(monitor.requests)
    monitor.wait(
        lambda: (
            [one["message"] for r in monitor.requests[count:] for one in r.body][-1:] == ["second"]
        ),
        "both records",
    )
    shipper_of(log).stop(5)
    kept = [one["message"] for request in monitor.requests[count:] for one in request.body]
    assert kept[-2:] == ["first", "second"]
    assert shipper_of(log).dropped == 0


def test_the_oldest_records_are_dropped_beyond_capacity(
    log: logging.Logger, monitor: MonitorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_queue, "CAPACITY", 2)
    for number in range(5):
        log.info("%d", number)
    assert shipper_of(log).dropped == 3
    shipper_of(log).start()
    shipper_of(log).stop(5)
    assert [record["message"] for record in posted(monitor)] == ["3", "4"]


def test_a_log_call_with_wrong_arguments_harms_nobody(
    log: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    log.info("%d files", "three")


def test_refused_records_are_counted_as_dropped(
    log: logging.Logger, monitor: MonitorServer
) -> None:
    monitor.answers["POST", LOGS] = (400, {})
    log.info("refused")
    shipper_of(log).start()
    shipper_of(log).stop(5)
    assert shipper_of(log).dropped == 1
