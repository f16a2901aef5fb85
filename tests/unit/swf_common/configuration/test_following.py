"""Expectations that follow a parameter of the workflow."""

from __future__ import annotations

from typing import Any

import pytest

from swf_common.configuration import resolve, resolve_workflow
from swf_common.configuration.expectations import judged
from swf_common.errors import ConfigurationError
from testbed.project import ROOT
from tests.unit.testbed.testbed_files import Files

WORKFLOWS = ROOT / "workflows"


@pytest.fixture
def following(files: Files) -> Files:
    files.more('[expect]\nstf_processed = "stf_count"\n')
    return files


def test_an_expectation_follows_the_parameter_as_the_workflow_takes_it(following: Files) -> None:
    assert following.resolve().expect.stf_processed == 10
    assert following.resolve("stf_count=3").expect.stf_processed == 3
    assert following.resolve("fast.stf_count=4").expect.stf_processed == 4


def test_the_section_may_be_named(files: Files) -> None:
    files.more('[expect]\nstf_generated = "fast.stf_count"\n')
    files.more('stf_registered = "daq_state_machine.stf_count"\n')
    expect = files.resolve().expect
    assert (expect.stf_generated, expect.stf_registered) == (10, 10)


def test_a_bare_word_of_set_is_followed_and_a_number_still_counts(following: Files) -> None:
    assert following.resolve("expect.stf_registered=stf_count").expect.stf_registered == 10
    assert following.resolve("expect.stf_processed=2").expect.stf_processed == 2


def test_a_whole_number_written_with_a_point_is_a_count(following: Files) -> None:
    assert following.resolve("stf_count=3.0").resolved()["expect"] == {"stf_processed": 3}


def test_the_origin_says_what_an_expectation_follows(following: Files) -> None:
    origins = following.resolve().resolved()["origins"]
    assert origins["expect.stf_processed"] == "testbed.toml, follows stf_count"


def test_with_a_duration_nothing_is_expected_that_follows_a_parameter(following: Files) -> None:
    configuration = following.resolve("expect.stf_failed=1", duration=16)
    assert configuration.resolved()["expect"] == {"stf_failed": 1}
    assert "not with a duration" in configuration.origins["expect", "stf_processed"]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("stf_cuont", ('did you mean "stf_count"?',)),
        ("fast.stf_cuont", ('did you mean "fast.stf_count"?',)),
        ("fats.stf_count", ('did you mean "fast.stf_count"?',)),
        ("detector", ('"all"', "no number")),
        ("merge", ("true", "no number")),
        ("", ("no such parameter",)),
    ],
)
def test_what_cannot_be_followed_is_refused(
    files: Files, name: str, parts: tuple[str, ...]
) -> None:
    files.more(f'[expect]\nstf_processed = "{name}"\n')
    with pytest.raises(ConfigurationError) as caught:
        files.resolve()
    wanted = ("testbed.toml", f'[expect] stf_processed = "{name}"', *parts)
    assert [part for part in wanted if part not in str(caught.value)] == [], caught.value


def test_a_parameter_that_is_no_count_is_refused_with_its_value(files: Files) -> None:
    files.more('[expect]\nstf_processed = "stf_interval"\n')
    with pytest.raises(ConfigurationError, match="whole number") as caught:
        files.resolve("stf_interval=0.5")
    assert "follows stf_interval" in str(caught.value)


def test_a_command_without_a_resolved_configuration_follows_too(files: Files) -> None:
    text = (files.workflows / "fast.toml").read_text()
    files.workflow("fast.toml", text.replace("stf_processed = 10", 'stf_processed = "stf_count"'))

    def expected(duration: float = 0, **params: Any) -> Any:
        return resolve_workflow(
            files.workflows, "data_taking", "fast", params, "torre1", duration=duration
        ).resolved()["expect"]

    assert expected() == {"stf_processed": 10}
    assert expected(stf_count=3) == {"stf_processed": 3}
    assert expected(duration=16) == {}


def test_the_shipped_files_expect_as_many_as_they_are_told_to_make() -> None:
    shipped = ROOT / "testbed.toml"
    three = ["stf_count=3"]
    assert resolve(shipped, WORKFLOWS).expect.stf_processed == 5
    assert resolve(shipped, WORKFLOWS, overrides=three).expect.stf_processed == 3
    prompt = resolve(shipped, WORKFLOWS, name="prompt_processing", overrides=["stf_count=1"])
    assert prompt.expect.stf_processed == 1
    assert resolve(shipped, WORKFLOWS, duration=16).expect.stf_processed is None


def test_a_stage_of_an_agents_own_may_be_expected(files: Files) -> None:
    files.more('[expect.stages]\n"stf.calibrated" = "stf_count"\n"stf.checked" = 2\n')
    expect = files.resolve().expect
    assert expect.stages == {"stf.calibrated": 10, "stf.checked": 2}
    stages = {"stf.calibrated": {"done": 9, "failed": 1}, "stf.checked": {"done": 2, "failed": 0}}
    progress = {"stf": {}, "stages": stages}
    results = {one.name: one.ok for one in judged(expect, progress, None)}
    assert results == {
        "stages.stf.calibrated": False,
        "stages.stf.checked": True,
    }
    assert files.resolve(duration=5).expect.stages == {"stf.checked": 2}


def test_a_wrong_number_for_a_stage_is_refused(files: Files) -> None:
    files.more('[expect.stages]\n"stf.calibrated" = -1\n')
    with pytest.raises(ConfigurationError, match=r"\[expect\]"):
        files.resolve()


def test_set_reaches_the_stages_too(files: Files) -> None:
    assert files.resolve("expect.stages.stf.mine=3").expect.stages == {"stf.mine": 3}
    table = 'expect.stages={"stf.b" = "stf_count"}'
    assert files.resolve(table).expect.stages == {"stf.b": 10}
