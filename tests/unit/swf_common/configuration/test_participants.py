"""Who takes part in an execution, and what each agent accounts for."""

from __future__ import annotations

from typing import Any

import pytest

from swf_common.configuration.participants import (
    all_known,
    participants,
    stages_of,
    takes_part,
    with_services,
)

DATA = {"enabled": True, "program": "example-data-agent", "stages": ["stf.registered"]}
OPTIONAL = {
    "enabled": True,
    "required": False,
    "program": "calibrator",
    "stages": ["stf.calibrated", "stf.registered"],
}
OFF = {"enabled": False, "program": "example-fastmon-agent", "stages": ["stf.sampled"]}
UNKNOWN = {"enabled": True, "program": None}


def configuration(**agents: Any) -> dict[str, Any]:
    return {"agents": agents}


def test_stages_are_those_of_the_enabled_agents_each_once() -> None:
    found = participants(configuration(data=DATA, calibration=OPTIONAL, fastmon=OFF))
    assert stages_of(found) == ("stf.registered", "stf.calibrated")
    assert stages_of(found, required=True) == ("stf.registered",)


@pytest.mark.parametrize(
    ("agents", "known"),
    [
        ({"data": DATA}, True),
        ({"data": DATA, "fastmon": {**OFF, "stages": None}}, True),
        ({"data": {**DATA, "stages": []}}, True),
        ({"data": DATA, "other": UNKNOWN}, False),
        ({"fastmon": OFF}, False),
        ({}, False),
    ],
)
def test_what_the_agents_account_for_is_known_when_every_enabled_section_says_it(
    agents: dict[str, Any], known: bool
) -> None:
    assert all_known(participants({"agents": agents})) is known


@pytest.mark.parametrize(
    ("agents", "part"),
    [
        ({}, True),
        ({"data": UNKNOWN}, True),
        ({"data": {"enabled": False}}, False),
        ({"mine": DATA}, True),
        ({"data": {**DATA, "program": "another"}}, False),
        ({"fastmon": OFF}, False),
    ],
)
def test_an_agent_takes_part_by_its_program_or_by_its_key_where_none_is_named(
    agents: dict[str, Any], part: bool
) -> None:
    assert takes_part(participants({"agents": agents}), "data", "example-data-agent") is part


@pytest.mark.parametrize(
    "content", [None, [], "text", {}, {"agents": [1]}, {"agents": {"data": 1}}]
)
def test_a_configuration_of_another_form_names_nobody(content: Any) -> None:
    assert participants(content) == []


def test_a_section_that_names_its_stages_badly_does_not_say_them() -> None:
    (one,) = participants(configuration(data={"enabled": True, "stages": "stf.registered"}))
    assert one.stages is None


def test_sections_get_program_and_stages_of_their_services_where_they_lack_them() -> None:
    services = participants(
        configuration(
            data={"program": "example-data-agent", "stages": ["stf.registered"]},
            calibration={"program": "calibrator", "stages": ["stf.calibrated"]},
        )
    )
    before = {
        "workflow": {"name": "stf_datataking"},
        "agents": {
            "data": {"enabled": True, "program": None, "required": False},
            "mine": {"enabled": True, "program": "calibrator"},
            "other": {"enabled": True, "program": None},
            "calibration": {"enabled": False},
        },
    }
    after = with_services(before, services)
    assert after["workflow"] == before["workflow"]
    assert after["agents"] == {
        "data": {
            "enabled": True,
            "program": "example-data-agent",
            "required": False,
            "stages": ["stf.registered"],
        },
        "mine": {"enabled": True, "program": "calibrator", "stages": ["stf.calibrated"]},
        "other": {"enabled": True, "program": None},
        "calibration": {"enabled": False},
    }


def test_what_a_section_says_itself_stays() -> None:
    services = participants(configuration(data={**DATA, "stages": ["stf.other"]}))
    assert with_services(configuration(data=DATA), services) == configuration(data=DATA)
