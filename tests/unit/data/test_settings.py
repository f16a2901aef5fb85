"""Settings of the data: read from a workflow's parameters, and refused with a reason."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from swf_common.configuration.groups import EPIC_LIKE, Clustering, Hits, Sampling, StfContent
from swf_common.errors import ConfigurationError
from testbed.project import ROOT


def test_settings_take_their_own_parameters_and_leave_the_others() -> None:
    parameters = {"tf_count": 5, "stf_interval": 2.0, "seed": 7, "tf_size_fraction": 0.5}
    generation = StfContent.of(parameters)
    assert (generation.tf_count, generation.seed) == (5, 7)
    assert Sampling.of(parameters).tf_size_fraction == 0.5
    assert Clustering.of(parameters) == Clustering()


def test_detectors_come_from_a_list_of_tables() -> None:
    table = EPIC_LIKE[2].model_dump()
    read = Hits.of({"detectors": [table]})
    assert read.detectors == (EPIC_LIKE[2],)


TWICE = [EPIC_LIKE[0].model_dump(), {**EPIC_LIKE[1].model_dump(), "id": EPIC_LIKE[0].id}]


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"tf_count": -1}, "tf_count = -1 is not valid: must be 0 to 100000"),
        ({"tf_count": 1.5}, "tf_count = 1.5 is not valid: must be a whole number"),
        ({"mean_hits_per_tf": "many"}, 'mean_hits_per_tf = "many" is not valid: must be a number'),
        ({"noise_fraction": 1.1}, "noise_fraction = 1.1 is not valid: must be 0 to 1"),
        ({"mean_hits_per_tf": 2001}, "makes 2001000 hits in an STF; at most 2000000 fit"),
        ({"detectors": []}, "detectors = .*at least one is needed"),
        ({"detectors": TWICE}, "detectors = .*two subdetectors have the same id"),
        ({"detectors": [{"id": 1}]}, "detectors.0.name: Field required"),
    ],
)
def test_a_parameter_that_is_not_valid_is_named(parameters: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        StfContent.of(parameters)


def test_an_agent_that_only_verifies_files_does_not_load_the_numeric_libraries() -> None:
    code = (
        "import sys, agents.programs.example_data_agent;"
        "print({'numpy', 'uproot', 'boost_histogram'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("set()\n", "")
