"""`testbed queues` and `testbed dead-letters` on a fake monitor, and their REST calls."""

from __future__ import annotations

import json
from typing import Any

import click
import pytest

from swf_common.errors import ConfigurationError, ExitCode
from testbed.commands.dead_letters import settle, show, show_list
from testbed.commands.queues import chosen, purge
from testbed.monitor_client.client import RestMonitor
from testbed.monitor_client.errors import MonitorUnavailable, NotDone
from testbed.monitor_client.queues import PAGE
from testbed.output.dead_letters import lines
from testbed.output.queues import duration, note, table
from testbed.testing import FakeMonitor
from tests.unit.testbed.monitor_server import MonitorServer

GHOST = "Consumer.torre1-ghost.epictopic"
FAILURE = {
    "error": "DamagedFile",
    "text": "the checksum differs",
    "subject": "swf.100010.000003.stf",
    "place": "agents/data/files.py:88",
    "try": 5,
    "agent": "data-agent-jane-0042",
    "log_id": 77,
}


@pytest.fixture
def monitor_with_queues() -> FakeMonitor:
    fake = FakeMonitor()
    fake.queue("ghost", waiting=42)
    fake.queue("ghost", waiting=3, queue="Consumer.torre1-ghost.panda.slices")
    fake.queue("busy", waiting=7, consumers=1, in_flight=2)
    return fake


# --- Queues ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "shown"),
    [
        ({"consumers": 1}, ""),
        ({}, "no consumer"),
        ({"unconsumed_s": 90.0}, "no consumer for 1.5 min; expires after 7 days"),
        ({"unconsumed_s": 90.0, "expires_after_s": None}, "no consumer for 1.5 min"),
        ({"unconsumed_s": 7e5}, "no consumer for 8.1 days: expired, what comes is dropped"),
    ],
)
def test_a_queue_without_a_consumer_says_since_when_and_what_follows(
    facts: dict[str, Any], shown: str
) -> None:
    assert note(FakeMonitor().queue("ghost", **facts)) == shown


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (59.0, "59 s"), (3600.0, "1 h"), (259_200.0, "3 days")]
)
def test_a_time_has_its_largest_unit(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_table_shows_what_waits_and_since_when() -> None:
    queue = FakeMonitor().queue("ghost", waiting=42, oldest_at="2026-01-05T12:00:00.123+00:00")
    (_, row) = table([queue]).splitlines()
    assert row.split()[:5] == [GHOST, "42", "0", "0", "2026-01-05T12:00:00Z"]


@pytest.mark.parametrize("name", ["ghost", GHOST, f"/queue/{GHOST}"])
def test_a_queue_is_named_by_itself_or_by_its_program(
    monitor_with_queues: FakeMonitor, name: str
) -> None:
    meant = chosen(monitor_with_queues.waiting, name)
    assert meant[0]["queue"] == GHOST
    assert len(meant) == (2 if name == "ghost" else 1)


def test_a_name_that_no_queue_has_is_refused_with_the_nearest(
    monitor_with_queues: FakeMonitor,
) -> None:
    with pytest.raises(ConfigurationError, match="ghost"):
        chosen(monitor_with_queues.waiting, "gohst")


def test_a_purge_with_yes_empties_each_filled_queue(
    monitor_with_queues: FakeMonitor, capsys: pytest.CaptureFixture[str]
) -> None:
    purge(monitor_with_queues, chosen(monitor_with_queues.waiting, "ghost"), ask=False)
    assert monitor_with_queues.purged == [GHOST, "Consumer.torre1-ghost.panda.slices"]
    assert f"{GHOST}: 42 messages are dropped." in capsys.readouterr().err


def test_a_purge_without_a_terminal_and_without_yes_is_refused(
    monitor_with_queues: FakeMonitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    with pytest.raises(click.UsageError, match="add --yes"):
        purge(monitor_with_queues, monitor_with_queues.waiting, ask=True)
    assert monitor_with_queues.purged == []


@pytest.mark.parametrize(("answer", "purged"), [(True, 1), (False, 0)])
def test_a_purge_on_a_terminal_asks(
    monitor_with_queues: FakeMonitor, monkeypatch: pytest.MonkeyPatch, answer: bool, purged: int
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(click, "confirm", lambda *_, **__: answer)
    purge(monitor_with_queues, chosen(monitor_with_queues.waiting, GHOST), ask=True)
    assert len(monitor_with_queues.purged) == purged


def test_a_queue_that_somebody_consumes_from_is_not_emptied(
    monitor_with_queues: FakeMonitor,
) -> None:
    with pytest.raises(NotDone, match="busy consumes from it") as refused:
        purge(monitor_with_queues, chosen(monitor_with_queues.waiting, "busy"), ask=False)
    assert refused.value.exit_code == ExitCode.CONFIGURATION


def test_an_empty_queue_needs_no_purge(capsys: pytest.CaptureFixture[str]) -> None:
    fake = FakeMonitor()
    purge(fake, [fake.queue("ghost")], ask=True)
    assert capsys.readouterr().err == "Nothing waits there.\n"


# --- Dead letters ---------------------------------------------------------------------------


def test_the_list_holds_open_letters_with_their_cause(capsys: pytest.CaptureFixture[str]) -> None:
    fake = FakeMonitor()
    fake.refuse(cause="DamagedFile: the checksum\ndiffers")
    fake.refuse(resolution="discarded")
    show_list(fake, "torre1", everything=False, as_json=False)
    (_, row) = capsys.readouterr().out.splitlines()
    assert row.split()[:4] == ["1", "2026-01-05T12:00:00Z", "open", "stf_gen"]
    assert "example-data-agent  stf_datataking-fake-0001  DamagedFile: the checksum differs" in row
    show_list(fake, "torre1", everything=True, as_json=True)
    assert [one["id"] for one in json.loads(capsys.readouterr().out)] == [1, 2]


def test_a_letter_shows_error_file_place_agent_and_message() -> None:
    letter = FakeMonitor().refuse(failure=FAILURE, body='{"msg_type": "stf_gen"}')
    text = "\n".join(lines(letter))
    for part in ("DamagedFile", "swf.100010.000003.stf", "agents/data/files.py:88", "log", "0042"):
        assert part.lower() in text.lower(), part
    assert '\n  "msg_type": "stf_gen"' in text


def test_a_letter_without_a_report_shows_what_there_is() -> None:
    shown = lines(FakeMonitor().refuse(body="no JSON", execution_id=None))
    assert shown[0] == "Dead letter 1"
    assert shown[-1] == "no JSON"
    assert not any(line.startswith(("Error", "Execution")) for line in shown)


def test_one_letter_as_json_is_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    fake = FakeMonitor()
    fake.refuse(failure=FAILURE)
    show(fake, (1,), as_json=True)
    assert json.loads(capsys.readouterr().out)["failure"] == FAILURE


def test_letters_are_settled_one_by_one_and_one_that_is_not_open_stops_no_other(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake = FakeMonitor()
    for _ in range(3):
        fake.refuse()
    fake.refused_letters[2]["resolution"] = "discarded"
    with pytest.raises(NotDone, match="Dead letter 2 is left as it is: it is discarded already"):
        settle(fake, "retry", [1, 2, 3])
    states = [one["resolution"] for one in fake.refused_letters.values()]
    assert states == ["retried", "discarded", "retried"]
    assert "Dead letter 3 is sent again to /queue/Consumer.torre1" in capsys.readouterr().err


# --- Over REST ------------------------------------------------------------------------------


@pytest.fixture
def rest(monitor: MonitorServer) -> RestMonitor:
    return RestMonitor(lambda: monitor.url, "operators-token", "jane")


def test_a_queue_is_emptied_in_the_users_name(rest: RestMonitor, monitor: MonitorServer) -> None:
    path = f"queues/{GHOST}/purge/"
    monitor.answers["POST", path] = (200, {"queue": GHOST, "messages": 2, "executions": {}})
    assert rest.purge_queue(GHOST)["messages"] == 2
    assert [(one.path, one.user) for one in monitor.requests] == [(path, "jane")]


@pytest.mark.parametrize("status", [404, 409])
def test_what_the_monitor_does_not_do_is_told_with_its_reason(
    rest: RestMonitor, monitor: MonitorServer, status: int
) -> None:
    monitor.answers["POST", "dead-letters/3/retry/"] = (status, {"detail": "because"})
    with pytest.raises(NotDone, match="Dead letter 3 is left as it is: because"):
        rest.settle_letter("retry", 3)


def test_a_broker_that_is_away_is_told(rest: RestMonitor, monitor: MonitorServer) -> None:
    monitor.answers["GET", "queues/"] = (503, {"detail": "The broker cannot be reached"})
    with pytest.raises(MonitorUnavailable, match="The broker cannot be reached"):
        rest.consumer_queues()


def test_letters_are_read_page_by_page(rest: RestMonitor, monitor: MonitorServer) -> None:
    def answer(request: Any) -> None:
        more = request.params["offset"] == "0"
        rows = [{"id": int(request.params["offset"])}]
        page = {"results": rows, "next": "more" if more else None}
        monitor.answers["GET", "dead-letters/"] = (200, page)

    monitor.on_request = answer
    assert [one["id"] for one in rest.letters(resolution="open")] == [0, PAGE]
    assert monitor.requests[0].params["resolution"] == "open"
