"""Short answers to requests that ask for them, and progress without the times of slices."""

from __future__ import annotations

import json

import pytest

from tests.integration.test_slice_results import RESULTS, Run, new_execution
from tests.rest import Api, Sql

SHORT = {"Prefer": "return=minimal"}


@pytest.fixture
def run(agent: Api) -> Run:
    return Run(agent)


def test_a_list_is_written_with_an_empty_answer_to_a_client_that_prefers_it(
    run: Run, agent: Api
) -> None:
    stf = run.sample.replace("_tf_001.tf", ".stf")
    rows = [{"stf_filename": stf, "status": "processed", "metadata": {"seen": 1}}]
    answer = agent.request("PATCH", "stf-files/", json=rows, headers=SHORT)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Preference-Applied"] == "return=minimal"
    (stored,) = agent.get("stf-files/", stf_filename=stf)
    assert (stored["status"], stored["metadata"]["seen"]) == ("processed", 1)


def test_results_are_answered_with_what_decides_about_another_try(run: Run, agent: Api) -> None:
    rows = [run.done(0), run.failed(1, 0)]
    answer = agent.request("POST", RESULTS, json=rows, headers=SHORT)
    first, second = answer.json()
    assert {**first, "id": 0} == {"id": 0, "status": "completed", "retries": 0}
    assert {**second, "id": 0} == {"id": 0, "status": "queued", "retries": 1}
    assert answer.headers["Preference-Applied"] == "return=minimal"


def test_a_refusal_names_the_field_also_to_a_client_that_prefers_short_answers(
    run: Run, agent: Api
) -> None:
    rows = [{"stf_filename": "swf.0.000000.stf", "status": "processed"}]
    answer = agent.request("PATCH", "stf-files/", json=rows, headers=SHORT)
    assert answer.status_code == 400
    assert "stf_filename" in answer.json()


def test_progress_leaves_out_times_and_knows_no_other_parameter(run: Run, agent: Api) -> None:
    path = f"workflow-executions/{new_execution(agent, run_number=run.number)}/progress/"
    run.send(run.done(0))
    assert agent.get(path, times="false")["latency_s"] is None
    refused = agent.request("GET", path, params={"time": "false"})
    assert refused.status_code == 400
    assert "times" in refused.json()["time"][0]


def test_the_times_of_slices_count_from_the_announcement_of_their_stf(
    run: Run, agent: Api, sql: Sql
) -> None:
    key = new_execution(agent, run_number=run.number)
    stf = run.sample.replace("_tf_001.tf", ".stf")
    content = json.dumps({"msg_type": "stf_gen", "filename": stf})
    stored, text = sql(
        "INSERT INTO swf_workflow_messages (message_id, message_type, execution_id, "
        "message_content, sent_at, recorded_at) VALUES (gen_random_uuid(), 'stf_gen', "
        f"'{key}', '{content}', now() - interval '1 hour', now())"
    )
    assert stored, text
    run.send(run.done(0))
    latency = agent.get(f"workflow-executions/{key}/progress/")["latency_s"]
    assert 3600 <= latency["p50"] <= latency["max"] < 3700
