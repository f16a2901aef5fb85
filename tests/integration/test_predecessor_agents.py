"""The predecessor's agents on this testbed: a whole run, and every record as they sent it.

The testbed runs without agents of its own, as the predecessor's take their place.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.broker import broker_of
from tests.predecessor import (
    RESULTS,
    SLICES,
    WORKERS,
    Call,
    Monitor,
    OldAgent,
    OldDataAgent,
    OldFastMonAgent,
    OldFastProcessingAgent,
    OldProcessingAgent,
    OldReceiver,
    OldRunner,
    OldTransformer,
    Sent,
    Site,
    naive_now,
)
from tests.rest import Api
from tests.waiting import eventually
from tests.web import Browser

if TYPE_CHECKING:
    from testbed.integration import TestbedStack

STFS = 3
SAMPLES = STFS * OldFastMonAgent.files_per_stf
SLICES_PER_SAMPLE = 3
CONFIG = {
    "workflow": {"name": "stf_datataking", "version": "0.9"},
    "fast_processing": {
        "target_worker_count": 30,
        "stf_sampling_rate": 1.0,
        "slices_per_sample": 15,
        "num_tf_per_slice": 25,
        "slice_processing_time": 30,
        "worker_rampup_time": 300,
        "worker_rampdown_time": 60,
    },
}
CODE = "class WorkflowExecutor:\n    'ü'\n"
COUNTS = ("slices_created", "slices_queued", "slices_processing", "slices_completed")


@dataclass
class Chain:
    """A run of the predecessor's agents that is over."""

    site: Site
    runner: OldRunner
    data: OldDataAgent
    processing: OldProcessingAgent
    fastmon: OldFastMonAgent
    fast: OldFastProcessingAgent
    transformer: OldTransformer
    receiver: OldReceiver

    @property
    def agents(self) -> list[OldAgent]:
        """Those that report to the monitor."""
        return [self.runner, self.data, self.processing, self.fastmon, self.fast]

    @property
    def everybody(self) -> list[OldAgent]:
        return [*self.agents, self.transformer]

    @property
    def run_number(self) -> int:
        return int(self.runner.run_id or 0)

    @property
    def failures(self) -> list[BaseException]:
        """What went wrong in a handler."""
        found = [error for one in self.everybody for error in one.failures]
        return found + self.receiver.failures

    @property
    def sent(self) -> list[Sent]:
        return [message for one in self.everybody for message in one.sent]

    def calls(self, method: str, path: str) -> list[Call]:
        """Requests to a path, by whomever."""
        every = [call for one in self.everybody for call in one.monitor.calls]
        return [call for call in every if (call.method, call.path) == (method, path)]

    def wait(self, condition: Any, what: str) -> None:
        """Wait for a condition; at once give up when an agent failed."""
        eventually(lambda: self.failures or condition(), what, 60)
        assert self.failures == []


@pytest.fixture(scope="module")
def stack() -> Iterator[TestbedStack]:
    """A testbed without agents of its own."""
    from tests.stacks import WITH_PORTS, running

    with running(
        files=WITH_PORTS,
        overrides=("agents.data.enabled=false", "agents.processing.enabled=false"),
    ) as stack:
        stack.session.wait_for_backend()  # the recorder, too: topics keep nothing for it
        yield stack


@pytest.fixture(scope="module")
def chain(stack: TestbedStack) -> Iterator[Chain]:
    """The run: 3 STFs in two periods, 2 TF files of each, 3 slices of each of those."""
    broker = broker_of(stack)
    site = Site(
        stack.monitor_url,
        stack.session.project.secret("token_agent"),
        broker.host,
        broker.port,
        broker.password,
        stack.namespace,
    )
    runner = OldRunner(site)
    receiver = OldReceiver(site, "stf_gen,end_run", runner.agent_name, last="end_run")
    over = Chain(
        site,
        runner,
        OldDataAgent(site),
        OldProcessingAgent(site),
        OldFastMonAgent(site),
        OldFastProcessingAgent(site),
        OldTransformer(site),
        receiver,
    )
    try:
        play(over)
        yield over
    finally:
        for one in over.everybody:
            one.disconnect()


def play(chain: Chain) -> None:
    """Everybody starts, the run takes place, everybody leaves."""
    chain.receiver.start()
    assert chain.receiver.connected.wait(20), chain.receiver.failures
    for one in chain.everybody:
        one.start()
        one.wait_subscribed()
    runner = chain.runner
    runner.begin("stf_datataking", "0.9", CODE, CONFIG)
    runner.run_imminent()
    runner.start_run()
    runner.stf_gen()
    runner.stf_gen()
    wait_for_results(chain, 2)
    runner.pause_run()
    runner.resume_run()
    runner.stf_gen()
    wait_for_results(chain, STFS)
    runner.end_run()
    chain.wait(lambda: len(workers_messages(chain)) == 2, "the workers are told that it is over")
    chain.wait(lambda: chain.data.active_runs == {}, "the data agent closes the run")
    chain.wait(lambda: len(chain.fastmon.received) == len(seen_by_all(chain)), "fastmon idles")
    runner.finish()
    chain.receiver.join(30)
    for one in chain.everybody:
        one.exit()
    assert chain.failures == []


def wait_for_results(chain: Chain, stfs: int) -> None:
    wanted = stfs * OldFastMonAgent.files_per_stf * SLICES_PER_SAMPLE
    chain.wait(lambda: chain.fast.results == wanted, f"{wanted} results are noted")
    chain.wait(lambda: chain.data.files == stfs, f"{stfs} STF files are processed")


def workers_messages(chain: Chain) -> list[Sent]:
    return [message for message in chain.fast.sent if message.destination == WORKERS]


def seen_by_all(chain: Chain) -> list[Sent]:
    return [message for message in chain.sent if message.destination == "/topic/epictopic"]


@pytest.fixture(scope="module")
def reader(stack: TestbedStack) -> Api:
    return Api(stack, "viewer")


@pytest.fixture
def again(chain: Chain) -> Iterator[Monitor]:
    """A session of the predecessor's, for further requests."""
    session = Monitor(chain.site)
    yield session
    session.session.close()


def as_utc(text: str) -> datetime:
    """A time stamp; naive ones are UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def same(sent: Any, stored: Any) -> bool:
    """Whether a value arrived as it was sent; times may be written in another way."""
    if sent == stored:
        return True
    try:
        return as_utc(sent) == as_utc(stored)
    except (TypeError, ValueError):
        return False


def changed_on_the_way(sent: dict[str, Any], stored: dict[str, Any]) -> dict[str, Any]:
    """By field, what was sent and is not stored so."""
    return {
        name: (value, stored.get(name))
        for name, value in sent.items()
        if not same(value, stored.get(name))
    }


def test_agents_are_listed_as_they_reported_themselves(chain: Chain, reader: Api) -> None:
    for one in chain.agents:
        (row,) = reader.get("systemagents/", instance_name=one.agent_name)
        beats = [
            call.body
            for call in one.monitor.calls
            if call.path == "/systemagents/heartbeat/" and call.status in (200, 201)
        ]
        told: dict[str, Any] = {}
        for beat in beats:
            told |= beat
        del told["pid"]
        assert changed_on_the_way(told, row) == {}
        assert row["operational_state"] == "EXITED"
    kinds = {row["agent_type"] for row in reader.get("systemagents/")}
    assert {"DATA", "STF_Processing", "DAQ_Simulator", "Fast_Processing", "fastmon"} <= kinds


def test_the_first_heartbeat_makes_an_agent_and_the_next_ones_change_it(chain: Chain) -> None:
    for one in chain.agents:
        beats = [call for call in one.monitor.calls if call.path == "/systemagents/heartbeat/"]
        assert [call.status for call in beats] == [201] + [200] * (len(beats) - 1)
        assert all(changed_on_the_way(call.body, call.answer).keys() <= {"pid"} for call in beats)


def test_every_start_of_an_agent_has_an_id_of_its_own(chain: Chain) -> None:
    ids = [one.agent_id for one in chain.everybody]
    assert sorted(set(ids)) == sorted(ids)


def test_an_agent_that_exited_is_exited_in_its_status_too(chain: Chain, reader: Api) -> None:
    (row,) = reader.get("systemagents/", instance_name=chain.data.agent_name)
    assert (row["status"], row["description"]) == ("EXITED", "Agent shutdown")
    assert (row["total_stf_processed"], row["workflow_enabled"]) == (STFS, True)


def test_subscribers_are_registered_once(chain: Chain, reader: Api, again: Monitor) -> None:
    for call in chain.calls("POST", "/subscribers/"):
        (row,) = reader.get("subscribers/", subscriber_name=call.body["subscriber_name"])
        assert changed_on_the_way(call.body, row) == {}
        refused = again.request("POST", "/subscribers/", call.body)
        assert refused.status_code == 400
        assert "already exists" in refused.text.lower()
        assert "subscriber" in refused.text.lower()
    chain.data.register_subscriber()  # takes that answer for success


def test_the_definition_is_recorded_and_found_again(chain: Chain, reader: Api) -> None:
    (call,) = chain.calls("POST", "/workflow-definitions/")
    (row,) = reader.get("workflow-definitions/", workflow_name="stf_datataking", version="0.9")
    assert changed_on_the_way(call.body, row).keys() <= {"created_at"}
    assert chain.runner.definition("stf_datataking", "0.9", CODE, CONFIG) == row["id"]
    assert chain.runner.definition("stf_datataking", "0.8", CODE, CONFIG) != row["id"]


def test_the_namespace_is_recorded_and_keeps_its_owner(
    chain: Chain, reader: Api, again: Monitor
) -> None:
    (call,) = chain.calls("POST", "/namespaces/ensure/")
    assert call.answer["status"] == "success"
    body = {**call.body, "owner": "somebody else"}
    answer = again.call("POST", "/namespaces/ensure/", body)
    (row,) = reader.get("namespaces/", name=chain.site.namespace)
    assert (answer["created"], answer["owner"]) == (False, row["owner"])


def test_the_execution_keeps_its_end_time(chain: Chain, reader: Api) -> None:
    (call,) = chain.calls("POST", "/workflow-executions/")
    key = chain.runner.execution_id
    completed, terminated = chain.calls("PATCH", f"/workflow-executions/{key}/")
    row = reader.get(f"workflow-executions/{key}/")
    told = {**call.body, "status": "terminated", "end_time": completed.body["end_time"]}
    assert changed_on_the_way(told, row) == {}
    assert terminated.body["end_time"] is None


def test_progress_and_page_know_the_run_that_the_old_runner_did_not_record(
    stack: TestbedStack, chain: Chain, reader: Api
) -> None:
    told = reader.get(f"workflow-executions/{chain.runner.execution_id}/progress/")
    assert told["run_id"] == str(chain.run_number)
    assert told["stf"]["registered"] == STFS
    browser = Browser(stack.monitor_url)
    browser.sign_in("admin", stack.session.project.secret("admin_password"))
    page = browser.get(f"/executions/{chain.runner.execution_id}/")
    assert page.status_code == 200
    assert str(chain.run_number) in page.text


def test_the_run_is_recorded_with_both_times(chain: Chain, reader: Api) -> None:
    (call,) = chain.calls("POST", "/runs/")
    (row,) = reader.get("runs/", run_number=chain.run_number)
    (change,) = chain.calls("PATCH", f"/runs/{row['run_id']}/")
    assert changed_on_the_way(call.body | change.body, row) == {}


def test_the_recorder_drives_the_state_of_the_run(chain: Chain, reader: Api) -> None:
    """The agent's own PATCH leaves the substate at physics; the recorder says that it is over."""
    (call,) = chain.calls("POST", "/run-states/")

    def ended() -> Any:
        row = reader.get(f"run-states/{chain.run_number}/")
        return row if row["state"] == "ended" and row["substate"] is None else None

    row = eventually(ended, "the run has ended")
    assert (row["phase"], row["target_worker_count"]) == ("completed", 30)
    assert row["metadata"] == call.body["metadata"]


def test_the_counts_of_the_run_follow_the_records(chain: Chain, reader: Api) -> None:
    """Every result hit the first slice of its number, so few are completed."""
    row = reader.get(f"run-states/{chain.run_number}/")
    slices = reader.get("tf-slices/", run_number=chain.run_number)
    statuses = Counter(one["status"] for one in slices)
    assert statuses == {
        "completed": SLICES_PER_SAMPLE,
        "queued": (SAMPLES - 1) * SLICES_PER_SAMPLE,
    }
    assert row["stf_samples_received"] == SAMPLES
    assert [row[name] for name in COUNTS] == [
        len(slices),
        statuses["queued"],
        0,
        statuses["completed"],
    ]
    assert (row["slices_failed"], row["active_worker_count"]) == (0, 0)


def test_what_a_client_counts_itself_is_ignored(chain: Chain, reader: Api, again: Monitor) -> None:
    path = f"run-states/{chain.run_number}/"
    before = reader.get(path)
    wrong = {"slices_created": 99_999, "slices_queued": 5, "stf_samples_received": 77}
    answer = again.call("PATCH", f"/{path}", wrong)
    for row in (answer, reader.get(path)):
        assert [row[name] for name in wrong] == [before[name] for name in wrong]


def test_stf_files_are_registered_and_their_metadata_replaced(chain: Chain, reader: Api) -> None:
    posted = chain.calls("POST", "/stf-files/")
    assert len(posted) == STFS
    for call in posted:
        (row,) = reader.get("stf-files/", stf_filename=call.body["stf_filename"])
        (change,) = chain.calls("PATCH", f"/stf-files/{row['file_id']}/")
        assert changed_on_the_way(call.body, call.answer) == {}
        assert changed_on_the_way(call.body | change.body, row) == {}
        assert row["run_number"] == chain.run_number


def test_fastmon_files_name_their_stf_file(chain: Chain, reader: Api) -> None:
    posted = chain.calls("POST", "/fastmon-files/")
    assert len(posted) == SAMPLES
    for call in posted:
        (row,) = reader.get("fastmon-files/", tf_filename=call.body["tf_filename"])
        assert changed_on_the_way(call.body, call.answer) == {}
        assert changed_on_the_way(call.body, row) == {}


def test_slices_belong_to_their_tf_file(chain: Chain, reader: Api) -> None:
    posted = chain.calls("POST", "/tf-slices/")
    assert len(posted) == SAMPLES * SLICES_PER_SAMPLE
    for call in posted:
        assert changed_on_the_way(call.body, call.answer) == {}
        row = reader.get(f"tf-slices/{call.answer['id']}/")
        told = dict(call.body)
        for change in chain.calls("PATCH", f"/tf-slices/{row['id']}/"):
            told |= change.body
        assert changed_on_the_way(told, row).keys() <= {"processed_at"}
        stem = row["tf_filename"].split("_slice_")[0]
        assert row["fastmon_file"] == f"{stem}.tf"


def test_the_first_slice_of_a_number_is_found_by_run_and_number(chain: Chain, reader: Api) -> None:
    for number in range(SLICES_PER_SAMPLE):
        found = reader.get("tf-slices/", run_number=chain.run_number, slice_id=number)
        assert [one["slice_id"] for one in found] == [number] * SAMPLES
        assert [one["status"] for one in found] == ["completed"] + ["queued"] * (SAMPLES - 1)


def test_events_are_recorded(chain: Chain, reader: Api) -> None:
    posted = chain.calls("POST", "/system-state-events/")
    rows = {row["event_id"]: row for row in reader.get("system-state-events/")}
    for call in posted:
        assert changed_on_the_way(call.body, rows[call.answer["event_id"]]) == {}
    kinds = Counter(call.body["event_type"] for call in posted)
    assert (kinds["tf_file_processed"], kinds["end_run"]) == (SAMPLES, 1)
    assert kinds["slice_result"] == SAMPLES * SLICES_PER_SAMPLE


def test_log_records_are_kept_with_what_they_are_about(chain: Chain, reader: Api) -> None:
    posted = chain.calls("POST", "/logs/")
    assert posted
    for call in posted:
        row = reader.get(f"logs/{call.answer['id']}/")
        assert changed_on_the_way(call.body, row) == {}
        assert row["execution_id"] == chain.runner.execution_id
    found = reader.get("logs/", execution_id=chain.runner.execution_id)
    assert {call.answer["id"] for call in posted} <= {row["id"] for row in found}


def test_log_records_need_a_token(chain: Chain) -> None:
    """The predecessor took them, and showed and deleted them, without one."""
    nobody = Monitor(chain.site, with_token=False)
    try:
        answer = nobody.request("POST", "/logs/", chain.data.log_record("who am I?"))
        assert answer.status_code in (401, 403)
        assert nobody.request("GET", "/logs/").status_code in (401, 403)
    finally:
        nobody.session.close()


def recorded(chain: Chain, reader: Api) -> list[dict[str, Any]]:
    """All recorded messages, once there are as many as were sent."""

    def all_of_them() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = reader.get("workflow-messages/")
        return rows if len(rows) >= len(chain.sent) else []

    return eventually(all_of_them, "every message is recorded")


def test_every_message_is_recorded_once_and_whole(chain: Chain, reader: Api) -> None:
    rows = recorded(chain, reader)
    sent = Counter(json.dumps(one.body, sort_keys=True) for one in chain.sent)
    stored = Counter(json.dumps(row["message_content"], sort_keys=True) for row in rows)
    assert set(sent.values()) == {1}
    assert stored == sent
    topics = Counter(one.destination for one in chain.sent)
    results = SAMPLES * SLICES_PER_SAMPLE
    assert (topics[SLICES], topics[RESULTS], topics[WORKERS]) == (results, results, 2)
    assert reader.get("dead-letters/") == []


def test_recorded_messages_say_who_sent_what_where_and_when(chain: Chain, reader: Api) -> None:
    rows = {json.dumps(r["message_content"], sort_keys=True): r for r in recorded(chain, reader)}
    for one in chain.sent:
        row = rows[json.dumps(one.body, sort_keys=True)]
        assert row["message_type"] == one.body["msg_type"]
        assert row["run_id"] == str(chain.run_number)
        assert row["sender_agent"] == one.body.get("sender")
        assert row["execution_id"] == one.body.get("execution_id")
        assert row["queue_name"].endswith(one.destination.removeprefix("/topic/"))
        stamp = one.body.get("timestamp") or one.body.get("created_at")
        if stamp is not None:
            assert as_utc(row["sent_at"]) == as_utc(stamp)


def test_recorded_messages_are_found_by_namespace(chain: Chain, reader: Api) -> None:
    recorded(chain, reader)
    rows = reader.get("workflow-messages/", namespace=chain.site.namespace)
    found = {json.dumps(row["message_content"], sort_keys=True) for row in rows}
    told = [one.body for one in chain.sent if one.body.get("namespace") == chain.site.namespace]
    assert {json.dumps(body, sort_keys=True) for body in told} <= found


def test_a_record_that_exists_already_is_refused_and_says_so(chain: Chain, again: Monitor) -> None:
    for path in (
        "/runs/",
        "/run-states/",
        "/stf-files/",
        "/fastmon-files/",
        "/tf-slices/",
        "/workflow-definitions/",
        "/workflow-executions/",
    ):
        call = chain.calls("POST", path)[0]
        assert call.status == 201
        refused = again.request("POST", path, call.body)
        assert refused.status_code == 400, (path, refused.text)
        assert "already exists" in refused.text, path


def test_the_stream_shows_what_its_filters_ask_for(chain: Chain) -> None:
    names = [name for name, _ in chain.receiver.events]
    assert names == ["connected", *["stf_gen"] * STFS, "end_run"]
    assert {"client_id", "status"} <= chain.receiver.events[0][1].keys()
    told = [one.body for one in chain.runner.sent if one.body["msg_type"] in ("stf_gen", "end_run")]
    for (_, data), body in zip(chain.receiver.events[1:], told, strict=True):
        assert changed_on_the_way(body, data) == {}
        assert data["sender_agent"] == chain.runner.agent_name
        assert data["run_id"] == str(chain.run_number)


def test_the_status_of_the_stream_answers_the_probe(chain: Chain) -> None:
    assert {"connected_clients", "client_ids", "client_filters"} <= chain.receiver.status.keys()


def test_the_counts_stay_true_while_the_state_is_changed(
    chain: Chain, reader: Api, again: Monitor
) -> None:
    """Slices are registered while another request changes the state of the same run."""
    number = again.call("POST", "/state/next-run-number/")["run_number"]
    state = {**chain.calls("POST", "/run-states/")[0].body, "run_number": number}
    again.call("POST", "/run-states/", state)
    slices = 100

    def register(index: int) -> None:
        body = {
            **chain.calls("POST", "/tf-slices/")[0].body,
            "slice_id": index,
            "tf_filename": f"race.{number}_tf_001_slice_{index:03d}.tf",
            "stf_filename": f"race.{number}.stf",
            "run_number": number,
        }
        again.call("POST", "/tf-slices/", body)

    def change(index: int) -> None:
        body = {"substate": "physics", "state_changed_at": naive_now()}
        again.call("PATCH", f"/run-states/{number}/", body)

    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(work, n) for n in range(slices) for work in (register, change)]
        for job in jobs:
            job.result()
    row = reader.get(f"run-states/{number}/")
    assert (row["slices_created"], row["slices_queued"]) == (slices, slices)
