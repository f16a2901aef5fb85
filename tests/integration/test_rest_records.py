"""REST: records, filters, paging and what is refused, on a real database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from tests.rest import Api, log_record

numbers = count(500_000)


def make_run(agent: Api) -> int:
    """Register a run; its number."""
    number = next(numbers)
    body = {"run_number": number, "start_time": "2026-01-01T00:00:00Z"}
    assert agent.post("runs/", body).status_code == 201
    return number


@pytest.mark.parametrize(
    ("path", "key", "first"),
    [
        ("state/next-agent-id/", "agent_id", 1),
        ("state/next-run-number/", "run_number", 100_010),
        ("state/next-workflow-execution-id/", "sequence", 1),
    ],
)
def test_a_counter_gives_every_caller_a_number_of_its_own(
    agent: Api, path: str, key: str, first: int
) -> None:
    def take(_: int) -> int:
        answer = agent.post(path)
        assert answer.json()["status"] == "success"
        return int(answer.json()[key])

    with ThreadPoolExecutor(10) as pool:
        taken = sorted(pool.map(take, range(100)))
    assert taken == list(range(taken[0], taken[0] + 100))
    assert taken[0] >= first


def test_a_heartbeat_writes_only_the_fields_that_it_names(agent: Api) -> None:
    name = f"partial-{next(numbers)}"
    full = {
        "instance_name": name,
        "agent_type": "DATA",
        "namespace": "torre1",
        "container_id": "a" * 64,
        "operational_state": "READY",
        "status": "OK",
        "pid": 17,
    }
    assert agent.post("systemagents/heartbeat/", full).status_code == 201
    second = agent.post("systemagents/heartbeat/", {"instance_name": name, "status": "WARNING"})
    assert second.status_code == 200
    row = second.json()
    assert (row["status"], row["operational_state"]) == ("WARNING", "READY")
    assert (row["agent_type"], row["container_id"]) == ("DATA", "a" * 64)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("operational_state", "SLEEPING"),
        ("status", "FINE"),
        ("container_id", "not-hex"),
        ("namespace", "No Such"),
        ("heartbeat_interval", -1),
        ("instance_name", "x" * 101),
        ("current_stf_count", -1),
        ("metadata", "text"),
    ],
)
def test_a_bad_value_in_a_heartbeat_is_named(agent: Api, field: str, value: object) -> None:
    answer = agent.post("systemagents/heartbeat/", {"instance_name": "bad", field: value})
    assert answer.status_code == 400
    assert field in answer.json()


def test_a_list_of_stf_files_may_be_registered_twice(agent: Api) -> None:
    run = make_run(agent)
    rows = [
        {"run_number": run, "stf_filename": f"swf.{run}.{number:06d}.stf", "metadata": {"a": 1}}
        for number in range(1, 4)
    ]
    first = agent.post("stf-files/", rows)
    again = agent.post("stf-files/", rows)
    assert (first.status_code, again.status_code) == (201, 201)
    assert [row["file_id"] for row in first.json()] == [row["file_id"] for row in again.json()]
    assert len(agent.get("stf-files/", run_number=run)) == 3


def test_changing_a_list_of_stf_files_merges_their_metadata(agent: Api) -> None:
    run = make_run(agent)
    name = f"swf.{run}.000001.stf"
    agent.post("stf-files/", [{"run_number": run, "stf_filename": name, "metadata": {"a": 1}}])
    change = {"stf_filename": name, "status": "processed", "metadata": {"b": 2}}
    (row,) = agent.patch("stf-files/", [change]).json()
    assert (row["status"], row["metadata"]) == ("processed", {"a": 1, "b": 2})


def test_metadata_that_is_no_object_gives_way_to_a_change(agent: Api) -> None:
    run = make_run(agent)
    name = f"swf.{run}.000001.stf"
    (made,) = agent.post("stf-files/", [{"run_number": run, "stf_filename": name}]).json()
    agent.patch(f"stf-files/{made['file_id']}/", {"metadata": [1]})
    (row,) = agent.patch("stf-files/", [{"stf_filename": name, "metadata": {"b": 2}}]).json()
    assert row["metadata"] == {"b": 2}


def test_stf_files_of_an_unknown_run_are_refused_as_a_whole(agent: Api) -> None:
    run = make_run(agent)
    rows = [
        {"run_number": run, "stf_filename": f"swf.{run}.1.stf"},
        {"run_number": 9, "stf_filename": f"swf.{run}.2.stf"},
    ]
    answer = agent.post("stf-files/", rows)
    assert (answer.status_code, list(answer.json())) == (400, ["run_number"])
    assert agent.get("stf-files/", run_number=run) == []


def test_of_two_changes_to_one_record_none_is_made(agent: Api) -> None:
    run = make_run(agent)
    name = f"swf.{run}.1.stf"
    agent.post("stf-files/", [{"run_number": run, "stf_filename": name}])
    changes = [{"stf_filename": name, "status": status} for status in ("processing", "failed")]
    answer = agent.patch("stf-files/", changes)
    assert answer.status_code == 400
    assert answer.json() == {"stf_filename": [f"More than one change for: {name}."]}
    (row,) = agent.get("stf-files/", run_number=run)
    assert row["status"] == "registered"
    again = agent.patch("tf-slices/", [{"id": 7}, {"id": 8}, {"id": 7}])
    assert (again.status_code, list(again.json())) == (400, ["id"])


def test_a_definition_is_immutable(agent: Api, operator: Api) -> None:
    body = {
        "workflow_name": f"w{next(numbers)}",
        "version": "1.0",
        "workflow_type": "simulation",
        "definition": "a",
        "created_by": "me",
    }
    made = agent.post("workflow-definitions/", body)
    assert made.status_code == 201
    assert agent.post("workflow-definitions/", body).status_code == 400
    for other in ({"definition": "b"}, {"workflow_type": "x"}, {"parameter_values": {"a": 1}}):
        different = agent.post("workflow-definitions/", {**body, **other})
        assert different.status_code == 409
        assert f"differs in: {', '.join(other)}." in different.json()["detail"]
    changed = operator.patch(f"workflow-definitions/{made.json()['id']}/", {"definition": "b"})
    assert changed.status_code == 409


def test_an_execution_that_has_ended_keeps_an_end_time_and_does_not_run_again(agent: Api) -> None:
    definition = agent.post(
        "workflow-definitions/",
        {
            "workflow_name": f"w{next(numbers)}",
            "version": "1",
            "workflow_type": "simulation",
            "definition": "a",
            "created_by": "me",
        },
    ).json()["id"]
    key = f"w-me-{next(numbers)}"
    body = {
        "execution_id": key,
        "workflow_definition": definition,
        "parameter_values": {},
        "status": "running",
        "start_time": "2026-01-01T00:00:00",
        "executed_by": "me",
    }
    assert agent.post("workflow-executions/", body).status_code == 201
    ended = agent.patch(f"workflow-executions/{key}/", {"status": "terminated", "end_time": None})
    assert ended.json()["end_time"] is not None
    again = agent.patch(f"workflow-executions/{key}/", {"status": "running"})
    assert again.status_code == 400


def test_log_records_are_taken_alone_and_in_lists(agent: Api) -> None:
    instance = f"log-{next(numbers)}"
    extra = {"namespace": "torre1", "execution_id": "e-1", "run_id": 7}
    one = agent.post("logs/", log_record(instance_name=instance, extra_data=extra))
    many = agent.post("logs/", [log_record(instance_name=instance) for _ in range(3)])
    assert (one.status_code, many.status_code) == (201, 201)
    assert (one.json()["execution_id"], one.json()["run_id"]) == ("e-1", "7")
    assert len(agent.get("logs/", instance_name=instance)) == 4


def test_a_list_with_one_bad_log_record_stores_nothing(agent: Api) -> None:
    instance = f"log-{next(numbers)}"
    records = [log_record(instance_name=instance), log_record(instance_name=instance, level=999)]
    assert agent.post("logs/", records).status_code == 400
    assert agent.get("logs/", instance_name=instance) == []


@pytest.mark.parametrize(
    ("path", "parameters", "named"),
    [
        ("runs/", {"run_nubmer": "1"}, "run_nubmer"),
        ("runs/", {"run_number": "abc"}, "run_number"),
        ("stf-files/", {"status": "eaten"}, "status"),
        ("systemagents/", {"operational_state": "SLEEPING"}, "operational_state"),
        ("workflow-messages/", {"since": "yesterday"}, "since"),
        ("readiness/", {"namespace": "Bad Name"}, "namespace"),
    ],
)
def test_a_filter_that_cannot_filter_is_named(
    viewer: Api, path: str, parameters: dict[str, str], named: str
) -> None:
    answer = viewer.request("GET", path, params=parameters)
    assert answer.status_code == 400
    assert named in answer.json()


def test_filters_filter_and_limit_gives_an_envelope(agent: Api, viewer: Api) -> None:
    numbers_made = {make_run(agent) for _ in range(3)}
    wanted = min(numbers_made)
    assert [row["run_number"] for row in viewer.get("runs/", run_number=wanted)] == [wanted]
    assert viewer.get("runs/", run_number=1) == []
    envelope = viewer.get("runs/", limit=2)
    assert set(envelope) == {"count", "next", "previous", "results"}
    assert len(envelope["results"]) == 2


def test_the_cursor_of_log_records_reaches_every_record_once(agent: Api, viewer: Api) -> None:
    instance = f"log-{next(numbers)}"
    agent.post("logs/", [log_record(instance_name=instance, message=str(n)) for n in range(25)])
    page = viewer.get("logs/", instance_name=instance, limit=10)
    seen = [row["message"] for row in page["results"]]
    while page["next"]:
        path, _, query = page["next"].partition("/api/")[2].partition("?")
        parameters = dict(pair.split("=", 1) for pair in query.split("&"))
        cursor = parameters["cursor"].replace("%3D", "=")
        page = viewer.get(path, instance_name=instance, limit=10, cursor=cursor)
        seen += [row["message"] for row in page["results"]]
    assert sorted(seen, key=int) == [str(n) for n in range(25)]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"run_number": 1, "start_time": "now"}', 400),
        (b'{"run_number": "\\u0000", "start_time": "2026-01-01"}', 400),
        (b'{"run_conditions": {"a": "\\u0000"}}', 400),
        (b"[" * 100_000, 400),
        (b'"' + b"x" * 6_000_000 + b'"', 413),
        (b"\xff\xfe", 400),
    ],
    ids=["cut", "list", "time", "nul", "nul-in-json", "deep", "large", "not-utf8"],
)
def test_a_body_that_cannot_be_stored_is_refused(agent: Api, body: bytes, status: int) -> None:
    before = len(agent.get("runs/"))
    headers = {"Content-Type": "application/json"}
    answer = agent.request("POST", "runs/", data=body, headers=headers)
    assert answer.status_code == status, answer.text[:300]
    assert len(agent.get("runs/")) == before


WRITES = [
    ("POST", "runs/"),
    ("POST", "logs/"),
    ("POST", "systemagents/heartbeat/"),
    ("POST", "state/next-run-number/"),
    ("POST", "namespaces/ensure/"),
    ("POST", "stf-files/"),
    ("PATCH", "stf-files/"),
    ("POST", "workflow-executions/"),
    ("POST", "workflow-executions/start/"),
    ("POST", "workflow-executions/x/stop/"),
]


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_nobody_writes_without_a_token_and_a_viewer_never(
    nobody: Api, viewer: Api, method: str, path: str
) -> None:
    assert nobody.request(method, path, {}).status_code == 401
    assert viewer.request(method, path, {}).status_code == 403


def test_reading_needs_a_token(nobody: Api, viewer: Api) -> None:
    assert nobody.request("GET", "runs/").status_code == 401
    assert viewer.request("GET", "runs/").status_code == 200


def test_only_an_administrator_deletes(agent: Api, operator: Api) -> None:
    make_run(agent)
    key = agent.get("runs/")[0]["run_id"]
    for role in (agent, operator):
        assert role.request("DELETE", f"runs/{key}/").status_code == 403


def test_an_agent_does_not_start_workflows(agent: Api) -> None:
    body = {"workflow_name": "stf_datataking"}
    assert agent.post("workflow-executions/start/", body).status_code == 403
