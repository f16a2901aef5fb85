"""`testbed down` asks before it removes data, where there is somebody to ask."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from testbed.commands.down import down_everywhere, down_here
from testbed.testing import FakeHost
from tests.unit.testbed.stack.test_session import Bed
from tests.unit.testbed.stack.test_testbeds import inspected
from tests.unit.testbed.testbed_files import Files


@pytest.fixture
def bed(files: Files, monkeypatch: pytest.MonkeyPatch) -> Bed:
    monkeypatch.setenv("TESTBED_BASE_IMAGE", "base:1")
    return Bed(files.folder, files.resolve())


@pytest.mark.parametrize(("answer", "calls"), [("n", []), ("y", [("down", ("--volumes",))])])
def test_on_a_terminal_data_are_removed_only_after_a_yes(
    bed: Bed, answer: str, calls: list[object]
) -> None:
    with CliRunner().isolation(input=f"{answer}\n") as (_, err, _):
        down_here(bed, volumes=True, ask=True)
        assert b"Remove the data of testbed-torre1 too" in err.getvalue()
    assert bed.compose.calls == calls


@pytest.mark.parametrize(("volumes", "ask"), [(False, True), (True, False), (False, False)])
def test_without_data_or_without_a_terminal_nothing_is_asked(
    bed: Bed, volumes: bool, ask: bool
) -> None:
    with CliRunner().isolation(input="") as (_, err, _):
        down_here(bed, volumes=volumes, ask=ask)
        assert err.getvalue() == b"testbed-torre1 is down.\n"
    assert bed.compose.calls == [("down", ("--volumes",) if volumes else ())]


@pytest.mark.parametrize(("answer", "projects"), [("n", []), ("y", [("testbed-torre1", True)])])
def test_every_testbed_is_taken_down_only_after_a_yes(
    tmp_path: Path, answer: str, projects: list[tuple[str, bool]]
) -> None:
    host = FakeHost(inspected(folder=str(tmp_path)))
    with CliRunner().isolation(input=f"{answer}\n") as (_, err, _):
        down_everywhere(host, volumes=True, ask=True)
        assert b"Take these 1 testbeds down, with all their data?" in err.getvalue()
    assert host.taken_down == projects
