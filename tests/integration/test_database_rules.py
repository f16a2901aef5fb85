"""What the database itself holds true: ranges inside their parents, counts of a run, and changes
of an agent's state.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from itertools import count, pairwise
from typing import TYPE_CHECKING, Any

import pytest

from swf_common.protocol.states import OperationalState
from tests.engine import docker
from tests.rest import Api, Sql
from tests.waiting import eventually

if TYPE_CHECKING:
    from testbed.integration import TestbedStack

numbers = count(800_000)
COUNTS = (
    "slices_created",
    "slices_queued",
    "slices_processing",
    "slices_completed",
    "slices_failed",
    "stf_samples_received",
    "active_worker_count",
)


@pytest.fixture(scope="module")
def deleter(stack: TestbedStack, viewer: Api) -> Api:
    """Requests of an administrator: nobody else deletes."""
    command = ["python", "-m", "monitor", "token", "issue", "--user", "admin"]
    options = ["--role", "administrator", "--name", "rules"]
    issued = docker("exec", stack.container_id("monitor"), *command, *options)
    api = Api(stack, None)
    api._session.headers["Authorization"] = f"Token {json.loads(issued)['key']}"
    return api


class Sample:
    """A run with one STF of 1000 time frames, and one TF sample 100..199 of it."""

    def __init__(self, agent: Api) -> None:
        self.agent = agent
        self.run = next(numbers)
        self.stf = f"swf.{self.run}.000001.stf"
        self.tf = f"swf.{self.run}.000001_tf.tf"
        body = {"run_number": self.run, "start_time": "2026-01-01T00:00:00Z"}
        assert agent.post("runs/", body).status_code == 201
        row = {"run_number": self.run, "stf_filename": self.stf, "tf_count": 1000}
        answer = agent.post("stf-files/", [row])
        assert answer.status_code == 201
        self.stf_id: str = answer.json()[0]["file_id"]
        answer = agent.post("fastmon-files/", self.sample())
        assert answer.status_code == 201, answer.text
        self.tf_id: str = answer.json()["tf_file_id"]

    def sample(self, **changes: Any) -> dict[str, Any]:
        frames = {"tf_first": 100, "tf_last": 199, "tf_count": 100}
        return {"stf_file": self.stf, "tf_filename": self.tf, **frames, **changes}

    def slice(self, number: int = 0, **changes: Any) -> dict[str, Any]:
        first = 100 + number
        frames = {"tf_first": first, "tf_last": first, "tf_count": 1}
        return {"tf_filename": self.tf, "slice_id": number, **frames, **changes}

    def slices(self, wanted: range) -> list[int]:
        """Register slices; their ids."""
        answer = self.agent.post("tf-slices/", [self.slice(number) for number in wanted])
        assert answer.status_code == 201, answer.text
        return [row["id"] for row in answer.json()]

    def make_state(self) -> None:
        """Make the record of the run's state."""
        answer = self.agent.post(
            "run-states/",
            {
                "run_number": self.run,
                "phase": "physics",
                "state": "running",
                "state_changed_at": "2026-01-01T00:00:00Z",
                "slices_created": 77,
            },
        )
        assert answer.status_code == 201, answer.text

    def counts(self) -> dict[str, int]:
        """The counts of the run's state that are not zero."""
        row = self.agent.get(f"run-states/{self.run}/")
        return {name: row[name] for name in COUNTS if row[name]}

    def worker(self, **changes: Any) -> dict[str, Any]:
        return {
            "worker_id": f"worker-{next(numbers)}",
            "run_number": self.run,
            "location": "here",
            "status": "running",
            "started_at": "2026-01-01T00:00:00Z",
            **changes,
        }


@pytest.fixture
def sample(agent: Api) -> Sample:
    return Sample(agent)


OUTSIDE_STF = {"tf_first": 900, "tf_last": 1000, "tf_count": 101}
OUTSIDE_SAMPLE = [
    ({"tf_first": 99, "tf_last": 150}, "tf_first", "100"),
    ({"tf_first": 150, "tf_last": 200}, "tf_last", "199"),
    ({"tf_first": 300, "tf_last": 310}, "tf_last", "199"),
]


def test_a_sample_outside_of_its_stf_is_refused_with_the_reason(sample: Sample) -> None:
    body = sample.sample(tf_filename="outside", **OUTSIDE_STF)
    for answer in (
        sample.agent.post("fastmon-files/", body),
        sample.agent.post("fastmon-files/", [sample.sample(tf_filename="inside"), body]),
    ):
        assert answer.status_code == 400
        assert "STF" in answer.text
    assert len(sample.agent.get("fastmon-files/", stf_filename=sample.stf)) == 1


def test_a_sample_at_the_very_end_of_its_stf_is_taken(sample: Sample) -> None:
    body = sample.sample(tf_filename=f"{sample.tf}.end", tf_first=900, tf_last=999)
    assert sample.agent.post("fastmon-files/", body).status_code == 201


def test_a_sample_of_an_stf_of_unknown_size_is_taken(sample: Sample) -> None:
    name = f"{sample.stf}.unknown"
    sample.agent.post("stf-files/", [{"run_number": sample.run, "stf_filename": name}])
    body = sample.sample(stf_file=name, tf_filename=f"{name}.tf", **OUTSIDE_STF)
    assert sample.agent.post("fastmon-files/", body).status_code == 201


@pytest.mark.parametrize(("frames", "field", "limit"), OUTSIDE_SAMPLE)
def test_a_slice_outside_of_its_sample_is_refused_with_the_reason(
    sample: Sample, frames: dict[str, int], field: str, limit: str
) -> None:
    body = sample.slice(**frames)
    answer = sample.agent.post("tf-slices/", body)
    assert (answer.status_code, list(answer.json())) == (400, [field])
    assert limit in answer.text
    answer = sample.agent.post("tf-slices/", [sample.slice(1), body])
    assert answer.status_code == 400
    assert "TF file" in answer.text
    assert sample.agent.get("tf-slices/", run_number=sample.run) == []


@pytest.mark.parametrize(
    ("path", "frames", "field"),
    [
        ("fastmon-files/", {"tf_first": 5, "tf_last": 4, "tf_count": 0}, "tf_last"),
        ("fastmon-files/", {"tf_first": 5, "tf_last": 6, "tf_count": 3}, "tf_count"),
        ("tf-slices/", {"tf_first": 105, "tf_last": 104, "tf_count": 0}, "tf_last"),
        ("tf-slices/", {"tf_first": 105, "tf_last": 106, "tf_count": 3}, "tf_count"),
    ],
)
@pytest.mark.parametrize("as_list", [False, True])
def test_a_range_that_is_none_is_refused_and_named(
    sample: Sample, path: str, frames: dict[str, int], field: str, as_list: bool
) -> None:
    whole = sample.sample(tf_filename="no-range") if "fastmon" in path else sample.slice()
    body = {**whole, **frames}
    answer = sample.agent.post(path, [body] if as_list else body)
    assert answer.status_code == 400
    named = answer.json()["0"] if as_list else answer.json()
    assert list(named) == [field]


def test_a_parent_does_not_shrink_below_its_children(sample: Sample, operator: Api) -> None:
    sample.slices(range(3))
    too_short = operator.patch(f"stf-files/{sample.stf_id}/", {"tf_count": 199})
    assert too_short.status_code == 400
    assert "TF files" in too_short.text
    too_short = operator.patch(f"fastmon-files/{sample.tf_id}/", {"tf_first": 101, "tf_count": 9})
    assert too_short.status_code == 400
    assert "slices" in too_short.text
    assert operator.patch(f"stf-files/{sample.stf_id}/", {"tf_count": 200}).status_code == 200


def test_a_slice_does_not_move_out_of_its_sample(sample: Sample, operator: Api) -> None:
    (key,) = sample.slices(range(1))
    moved = operator.patch(f"tf-slices/{key}/", {"tf_first": 0})
    assert moved.status_code == 400
    assert operator.get(f"tf-slices/{key}/")["tf_first"] == 100


SLICE_COLUMNS = (
    "(slice_id, fastmon_file_id, tf_first, tf_last, tf_count, tf_filename, stf_filename,"
    " run_number, status, retries, created_at, updated_at)"
)


def slice_row(sample: Sample, number: int, first: int, last: int, status: str = "queued") -> str:
    return (
        f"({number}, '{sample.tf_id}', {first}, {last}, 1, '{sample.tf}', '{sample.stf}',"
        f" {sample.run}, '{status}', 0, now(), now())"
    )


def sample_row(sample: Sample, first: int, last: int, status: str = "registered") -> str:
    return (
        "INSERT INTO swf_fastmon_files (tf_file_id, stf_file_id, tf_filename, tf_first, tf_last,"
        " tf_count, status, created_at, updated_at) VALUES (gen_random_uuid(),"
        f" '{sample.stf_id}', '{sample.tf}.{next(numbers)}', {first}, {last}, 1, '{status}',"
        " now(), now())"
    )


def test_the_database_itself_refuses_ranges_outside_of_their_parents(
    sample: Sample, sql: Sql
) -> None:
    insert = f"INSERT INTO swf_tf_slices {SLICE_COLUMNS} VALUES "
    inside, before, after = (
        slice_row(sample, number, first, last)
        for number, first, last in ((1, 100, 199), (2, 99, 150), (3, 150, 200))
    )
    for statement, constraint in (
        (insert + before, "slice_inside_its_sample"),
        (insert + f"{inside}, {after}", "slice_inside_its_sample"),
        (sample_row(sample, 999, 1000), "sample_inside_its_stf"),
    ):
        went_through, said = sql(statement)
        assert not went_through
        assert "23514" in said
        assert constraint in said
    assert sql(insert + inside) == (True, "INSERT 0 1\n")
    assert sql(sample_row(sample, 999, 999)) == (True, "INSERT 0 1\n")
    for statement, constraint in (
        (f"UPDATE swf_tf_slices SET tf_last = 200 WHERE run_number = {sample.run}", "slice_inside"),
        (
            f"UPDATE swf_fastmon_files SET tf_last = 198 WHERE tf_file_id = '{sample.tf_id}'",
            "sample_around_its_slices",
        ),
        (
            f"UPDATE swf_stf_files SET tf_count = 150 WHERE file_id = '{sample.stf_id}'",
            "stf_around_its_samples",
        ),
    ):
        went_through, said = sql(statement)
        assert not went_through
        assert constraint in said


@pytest.mark.parametrize("first", ["child", "parent"])
@pytest.mark.parametrize("kind", ["sample", "slice"])
def test_a_parent_and_its_child_that_change_at_once_see_each_other(
    sample: Sample, sql: Sql, kind: str, first: str
) -> None:
    child, parent = {
        "sample": (
            sample_row(sample, 500, 599),
            f"UPDATE swf_stf_files SET tf_count = 300 WHERE file_id = '{sample.stf_id}'",
        ),
        "slice": (
            f"INSERT INTO swf_tf_slices {SLICE_COLUMNS} VALUES {slice_row(sample, 1, 190, 199)}",
            "UPDATE swf_fastmon_files SET tf_last = 150, tf_count = 51"
            f" WHERE tf_file_id = '{sample.tf_id}'",
        ),
    }[kind]
    one, other = (child, parent) if first == "child" else (parent, child)
    mark = f"pg_sleep(1.{next(numbers)})"
    busy = f"FROM pg_stat_activity WHERE query LIKE '%{mark}%' AND pid <> pg_backend_pid()"
    with ThreadPoolExecutor(1) as pool:
        earlier = pool.submit(sql, f"BEGIN;\n{one};\nSELECT {mark};\nCOMMIT;")
        eventually(lambda: sql(f"SELECT 1 {busy}")[1].strip(), "the first one is not committed yet")
        went_through, said = sql(other)
        assert earlier.result()[0]
    assert not went_through, "it did not wait for what was being written"
    assert "range of time frames" in said or "number of time frames" in said, said


def test_the_database_itself_refuses_states_that_there_are_not(sample: Sample, sql: Sql) -> None:
    insert = f"INSERT INTO swf_tf_slices {SLICE_COLUMNS} VALUES "
    agent = (
        "INSERT INTO swf_systemagent (instance_name, agent_type, description, status,"
        " operational_state, workflow_enabled, current_stf_count, total_stf_processed,"
        " created_at, updated_at) VALUES ('raw', 'x', '', '{}', '{}', true, 0, 0, now(), now())"
    )
    for statement, constraint in (
        (insert + slice_row(sample, 1, 100, 100, "eaten"), "slice_status"),
        (sample_row(sample, 1, 1, "eaten"), "fastmon_file_status"),
        (f"UPDATE swf_stf_files SET status = 'x' WHERE file_id = '{sample.stf_id}'", "stf_file_"),
        (agent.format("FINE", "READY"), "agent_status"),
        (agent.format("OK", "SLEEPING"), "agent_operational_state"),
    ):
        went_through, said = sql(statement)
        assert not went_through, statement
        assert "23514" in said
        assert constraint in said


def test_invalid_states_are_refused_by_name(sample: Sample, operator: Api) -> None:
    (key,) = sample.slices(range(1))
    agent = operator.post(
        "systemagents/heartbeat/", {"instance_name": f"states-{sample.run}"}
    ).json()
    for path, field in (
        (f"tf-slices/{key}/", "status"),
        (f"fastmon-files/{sample.tf_id}/", "status"),
        (f"stf-files/{sample.stf_id}/", "status"),
        (f"systemagents/{agent['id']}/", "status"),
        (f"systemagents/{agent['id']}/", "operational_state"),
    ):
        answer = operator.patch(path, {field: "eaten"})
        assert (answer.status_code, list(answer.json())) == (400, [field]), path
    changes = [{"id": key, "status": "failed"}, {"id": key, "status": "eaten"}]
    answer = operator.patch("tf-slices/", changes)
    assert (answer.status_code, list(answer.json())) == (400, ["1"])
    assert list(answer.json()["1"]) == ["status"]
    assert operator.get(f"tf-slices/{key}/")["status"] == "queued"


def test_the_counts_of_a_run_follow_its_slices(sample: Sample, deleter: Api) -> None:
    sample.make_state()
    assert sample.counts() == {"stf_samples_received": 1}
    keys = sample.slices(range(10))
    one = sample.agent.post("tf-slices/", sample.slice(10, status="completed"))
    assert one.status_code == 201
    samples = {"stf_samples_received": 1}
    assert sample.counts() == {
        **samples,
        "slices_created": 11,
        "slices_queued": 10,
        "slices_completed": 1,
    }
    changes = [
        *({"id": key, "status": "processing"} for key in keys[:5]),
        *({"id": key, "status": "failed", "retries": 1} for key in keys[5:7]),
        {"id": keys[7], "metadata": {"a": 1}},
    ]
    assert sample.agent.patch("tf-slices/", changes).status_code == 200
    assert sample.counts() == {
        **samples,
        "slices_created": 11,
        "slices_queued": 3,
        "slices_processing": 5,
        "slices_completed": 1,
        "slices_failed": 2,
    }
    done = [{"id": key, "status": "completed"} for key in keys]
    assert sample.agent.patch("tf-slices/", done).status_code == 200
    assert sample.agent.patch("tf-slices/", done).status_code == 200
    assert sample.counts() == {**samples, "slices_created": 11, "slices_completed": 11}
    assert deleter.request("DELETE", f"tf-slices/{keys[0]}/").status_code == 204
    assert sample.counts() == {**samples, "slices_created": 10, "slices_completed": 10}


def test_slices_that_are_registered_twice_count_once(sample: Sample) -> None:
    sample.make_state()
    assert sample.slices(range(5)) == sample.slices(range(5))
    sample.slices(range(3, 8))
    assert sample.counts() == {"stf_samples_received": 1, "slices_created": 8, "slices_queued": 8}


def test_a_change_that_is_refused_leaves_the_counts_alone(sample: Sample) -> None:
    sample.make_state()
    (key,) = sample.slices(range(1))
    changes = [{"id": key, "status": "completed"}, {"id": 10**15, "status": "completed"}]
    assert sample.agent.patch("tf-slices/", changes).status_code == 400
    assert sample.counts() == {"stf_samples_received": 1, "slices_created": 1, "slices_queued": 1}


def test_the_counts_of_a_run_follow_its_samples(sample: Sample, deleter: Api) -> None:
    sample.make_state()
    rows = [sample.sample(tf_filename=f"{sample.tf}.{number}") for number in range(4)]
    for _ in range(2):
        assert sample.agent.post("fastmon-files/", rows).status_code == 201
    sample.slices(range(6))
    assert sample.counts() == {"stf_samples_received": 5, "slices_created": 6, "slices_queued": 6}
    assert deleter.request("DELETE", f"fastmon-files/{sample.tf_id}/").status_code == 204
    assert sample.counts() == {"stf_samples_received": 4}
    assert deleter.request("DELETE", f"stf-files/{sample.stf_id}/").status_code == 204
    assert sample.counts() == {}


def test_the_counts_of_a_run_follow_its_workers(sample: Sample, deleter: Api) -> None:
    sample.make_state()
    bodies = [sample.worker() for _ in range(3)]
    for body in [*bodies, sample.worker(ended_at="2026-01-01T01:00:00Z")]:
        assert sample.agent.post("workers/", body).status_code == 201
    assert sample.counts() == {"stf_samples_received": 1, "active_worker_count": 3}
    first, second = (body["worker_id"] for body in bodies[:2])
    ended = {"ended_at": "2026-01-01T01:00:00Z"}
    assert sample.agent.patch(f"workers/{first}/", ended).status_code == 200
    assert sample.counts()["active_worker_count"] == 2
    assert deleter.request("DELETE", f"workers/{second}/").status_code == 204
    assert sample.counts()["active_worker_count"] == 1
    assert sample.agent.patch(f"workers/{first}/", {"ended_at": None}).status_code == 200
    assert sample.counts()["active_worker_count"] == 2


def test_a_state_that_is_made_after_its_slices_counts_them(sample: Sample) -> None:
    keys = sample.slices(range(4))
    sample.agent.patch("tf-slices/", [{"id": keys[0], "status": "failed"}])
    assert sample.agent.post("workers/", sample.worker()).status_code == 201
    sample.make_state()
    assert sample.counts() == {
        "slices_created": 4,
        "slices_queued": 3,
        "slices_failed": 1,
        "stf_samples_received": 1,
        "active_worker_count": 1,
    }


def test_nobody_writes_the_counts_by_hand(sample: Sample, operator: Api) -> None:
    sample.make_state()
    answer = operator.patch(f"run-states/{sample.run}/", {"slices_created": 5, "phase": "done"})
    assert answer.status_code == 200
    assert answer.json()["phase"] == "done"
    assert sample.counts() == {"stf_samples_received": 1}


def test_a_slice_counts_for_the_run_that_it_is_moved_to(sample: Sample, sql: Sql) -> None:
    other = Sample(sample.agent)
    sample.make_state()
    other.make_state()
    sample.slices(range(3))
    assert sql(
        f"UPDATE swf_tf_slices SET run_number = {other.run}"
        f" WHERE run_number = {sample.run} AND slice_id < 2"
    )[0]
    assert sample.counts()["slices_queued"] == 1
    assert other.counts()["slices_queued"] == 2


def test_the_counts_are_right_whoever_writes_at_the_same_time(sample: Sample) -> None:
    sample.make_state()
    keys = sample.slices(range(60))

    def work(worker: int) -> list[int]:
        own = [key for number, key in enumerate(keys) if number % 10 == worker]
        codes = []
        for status in ("processing", "completed"):
            changes = [{"id": key, "status": status} for key in own]
            codes.append(sample.agent.patch("tf-slices/", changes).status_code)
        new = sample.slice(60 + worker, status="failed")
        return [*codes, sample.agent.post("tf-slices/", new).status_code]

    with ThreadPoolExecutor(10) as pool:
        codes = list(pool.map(work, range(10)))
    assert codes == [[200, 200, 201]] * 10
    assert sample.counts() == {
        "stf_samples_received": 1,
        "slices_created": 70,
        "slices_completed": 60,
        "slices_failed": 10,
    }


def test_a_state_that_is_made_while_slices_are_written_counts_them(
    sample: Sample, sql: Sql
) -> None:
    insert = f"INSERT INTO swf_tf_slices {SLICE_COLUMNS} VALUES {slice_row(sample, 1, 100, 100)}"
    busy = "FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3)%' AND pid <> pg_backend_pid()"
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(sql, f"BEGIN; {insert}; SELECT pg_sleep(3); COMMIT;")
        eventually(lambda: sql(f"SELECT 1 {busy}")[1].strip(), "the slice is being written")
        sample.make_state()
        assert writing.result()[0]
    assert sample.counts() == {"stf_samples_received": 1, "slices_created": 1, "slices_queued": 1}


def beat(agent: Api, name: str, **fields: Any) -> int:
    answer = agent.post("systemagents/heartbeat/", {"instance_name": name, **fields})
    code: int = answer.status_code
    return code


def changes_of(viewer: Api, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = viewer.get("agent-state-changes/", instance_name=name)
    return sorted(rows, key=lambda row: int(row["id"]))


def test_each_change_of_an_agents_state_is_noted_once_and_in_order(
    agent: Api, operator: Api, viewer: Api
) -> None:
    name = f"changing-{next(numbers)}"
    steps: list[dict[str, Any]] = [
        {"operational_state": "STARTING", "status": "OK"},
        {"operational_state": "STARTING", "status": "OK"},
        {"operational_state": "READY", "metadata": {"execution_id": "e-1", "run_id": 7}},
        {"current_stf_count": 3, "description": "still the same"},
        {"status": "WARNING"},
        {"operational_state": "PROCESSING", "status": "OK"},
    ]
    assert [beat(agent, name, **step) for step in steps] == [201, 200, 200, 200, 200, 200]
    (row,) = viewer.get("systemagents/", instance_name=name)
    assert operator.patch(f"systemagents/{row['id']}/", {"status": "ERROR"}).status_code == 200
    assert operator.patch(f"systemagents/{row['id']}/", {"hostname": "h"}).status_code == 200
    changes = changes_of(viewer, name)
    assert [(one["operational_state"], one["status"]) for one in changes] == [
        ("STARTING", "OK"),
        ("READY", "OK"),
        ("READY", "WARNING"),
        ("PROCESSING", "OK"),
        ("PROCESSING", "ERROR"),
    ]
    assert (changes[1]["execution_id"], changes[1]["run_id"]) == ("e-1", "7")
    moments = [one["changed_at"] for one in changes]
    assert moments == sorted(moments)


def test_a_heartbeat_that_is_refused_changes_nothing(agent: Api, viewer: Api) -> None:
    name = f"refused-{next(numbers)}"
    beat(agent, name, operational_state="READY", status="OK")
    assert beat(agent, name, operational_state="SLEEPING", status="ERROR") == 400
    (row,) = viewer.get("systemagents/", instance_name=name)
    assert (row["operational_state"], row["status"]) == ("READY", "OK")
    assert len(changes_of(viewer, name)) == 1


def test_the_change_of_a_description_longer_than_any_column_is_noted(
    agent: Api, viewer: Api
) -> None:
    name = f"long-{next(numbers)}"
    metadata = {"execution_id": "e" * 500, "run_id": "7" * 500}
    assert beat(agent, name, metadata=metadata, description="x" * 10_000) == 201
    (change,) = changes_of(viewer, name)
    assert (len(change["execution_id"]), len(change["run_id"])) == (100, 50)


def test_a_hundred_agents_report_at_once(agent: Api, viewer: Api) -> None:
    prefix = f"crowd-{next(numbers)}"
    states = list(OperationalState)

    def report(number: int) -> list[int]:
        first = beat(agent, f"{prefix}-{number}", operational_state="STARTING", status="OK")
        state = states[number % len(states)].value
        second = beat(agent, f"{prefix}-{number}", operational_state=state)
        return [first, second]

    with ThreadPoolExecutor(100) as pool:
        codes = list(pool.map(report, range(100)))
    assert codes == [[201, 200]] * 100
    rows = {row["instance_name"]: row for row in viewer.get("systemagents/")}
    for number in range(100):
        row = rows[f"{prefix}-{number}"]
        assert row["operational_state"] == states[number % len(states)].value
        assert row["status"] == "OK"


def test_one_agent_reports_a_hundred_times_at_once(agent: Api, viewer: Api) -> None:
    name = f"hasty-{next(numbers)}"
    states = [state.value for state in OperationalState]

    def report(number: int) -> int:
        return beat(agent, name, operational_state=states[number % 4], current_stf_count=number)

    with ThreadPoolExecutor(100) as pool:
        codes = list(pool.map(report, range(100)))
    assert sorted(codes) == [200] * 99 + [201]
    (row,) = viewer.get("systemagents/", instance_name=name)
    assert row["operational_state"] == states[row["current_stf_count"] % 4]
    changes = changes_of(viewer, name)
    assert changes[-1]["operational_state"] == row["operational_state"]
    assert all(
        one["operational_state"] != two["operational_state"] for one, two in pairwise(changes)
    )
    assert beat(agent, name, operational_state="EXITED", status="EXITED") == 200
    (row,) = viewer.get("systemagents/", instance_name=name)
    assert (row["operational_state"], row["status"]) == ("EXITED", "EXITED")
