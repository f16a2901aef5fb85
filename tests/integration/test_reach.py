"""What a container of the real engine says of files and the socket of this host."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.engine.containers import MountRefused
from testbed.engine.docker_containers import DockerContainers
from testbed.engine.endpoint import find_engine
from testbed.engine.image_digests import image_variables
from testbed.engine.images import base_image
from testbed.engine.reach import Probe
from testbed.project import ROOT


@pytest.fixture
def probe() -> Probe:
    images = image_variables(ROOT, base_image(ROOT)).values()
    made = Probe(DockerContainers("testbed-probe"), tuple(images))
    assert made.image, "testbed build makes the images"
    return made


def test_the_engine_reads_a_closed_folder_of_this_checkout(probe: Probe) -> None:
    assert probe.files(ROOT / ".testbed") == ""


def test_the_socket_is_used_with_the_group_to_which_it_belongs(probe: Probe) -> None:
    problem, group = probe.usable_socket(find_engine().bound_socket, "0") or ("?", "")
    assert (problem, group.isdecimal()) == ("", True)


def test_a_path_that_the_engine_does_not_have_is_refused_in_its_words(
    probe: Probe, tmp_path: Path
) -> None:
    assert probe.image
    with pytest.raises(MountRefused, match="does not exist"):
        probe.containers.run_probe(probe.image, tmp_path / "none", ["cat", "/seen"])
