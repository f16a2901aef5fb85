"""What the form for starting a workflow offers."""

from __future__ import annotations

import pytest
from django.conf import settings

from monitor.control.workflow_files import WorkflowFile, workflow_files
from monitor.pages.views.start import StartForm
from tests.unit.simulation import WORKFLOWS

KNOWN = {one.config: one for one in workflow_files(WORKFLOWS)}


@pytest.fixture(autouse=True)
def _of_a_testbed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "TESTBED_NAMESPACE", "torre1")


def form(config: str, **changes: object) -> StartForm:
    chosen = KNOWN[config]
    defaults = {p.path: p.default for p in chosen.parameters if p.default is not False}
    data = {"realtime": "on", "duration": 0, **defaults, **changes}
    return StartForm(chosen, (), data)


def test_every_configuration_with_a_workflow_can_be_started() -> None:
    assert {"fast_processing_default", "stf_datataking_default"} <= set(KNOWN)
    assert "daq_state_machine" not in KNOWN


@pytest.mark.parametrize("chosen", KNOWN.values(), ids=lambda one: one.config)
def test_a_file_says_what_it_is_for_and_whom_it_needs(chosen: WorkflowFile) -> None:
    assert chosen.about
    assert "data" in chosen.agents


def test_a_parameter_stands_once_where_it_counts_with_what_the_model_says() -> None:
    chosen = KNOWN["fast_processing_default"]
    keys = [parameter.name for parameter in chosen.parameters]
    assert len(set(keys)) == len(keys)
    (count,) = (one for one in chosen.parameters if one.name == "stf_count")
    assert (count.section, count.default) == ("fast_processing", 10)
    assert count.about.startswith("STFs in each physics period")


def test_what_was_not_changed_is_not_sent() -> None:
    sent = form("fast_processing_default")
    assert sent.is_valid(), sent.errors
    assert sent.changes() == {}


def test_what_was_changed_is_sent_by_section_and_keeps_its_kind() -> None:
    sent = form(
        "fast_processing_default",
        **{"fast_processing.stf_count": "3", "daq_state_machine.stf_interval": "0.5"},
    )
    assert sent.is_valid(), sent.errors
    changes = sent.changes()
    assert changes == {
        "fast_processing": {"stf_count": 3},
        "daq_state_machine": {"stf_interval": 0.5},
    }
    assert isinstance(changes["fast_processing"]["stf_count"], int)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fast_processing.stf_count", "-1"),
        ("fast_processing.stf_count", "many"),
        ("fast_processing.stf_count", "2.5"),
        ("fast_processing.tf_size_fraction", "1.5"),
        ("daq_state_machine.stf_interval", "1e300"),
        ("daq_state_machine.stf_interval", "nan"),
        ("duration", "-1"),
        ("duration", "inf"),
    ],
)
def test_what_the_resolver_refuses_is_told_at_its_field(name: str, value: str) -> None:
    sent = form("fast_processing_default", **{name: value})
    assert not sent.is_valid()
    assert list(sent.errors) == [name]


def test_every_bad_value_is_told_at_once() -> None:
    bad = {
        "fast_processing.stf_count": "-1",
        "fast_processing.tf_size_fraction": "1.5",
        "daq_state_machine.stf_interval": "nan",
    }
    sent = form("fast_processing_default", **bad)
    assert not sent.is_valid()
    assert set(sent.errors) == set(bad)


def test_agents_that_are_missing_have_to_be_done_without_on_purpose() -> None:
    chosen = KNOWN["stf_datataking_default"]
    defaults = {p.path: p.default for p in chosen.parameters}
    data = {"realtime": "on", "duration": 0, **defaults}
    refused = StartForm(chosen, ["processing"], data)
    assert not refused.is_valid()
    assert "Not READY: processing" in str(refused.errors["anyway"])
    assert StartForm(chosen, ["processing"], {**data, "anyway": "on"}).is_valid()
