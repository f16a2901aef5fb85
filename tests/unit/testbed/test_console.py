"""What is printed where: results on stdout, all else on stderr, plainly without a terminal."""

from __future__ import annotations

import pytest

from swf_common.errors import BackendError, ConfigurationError, ExitCode, TestbedError
from testbed.output import console


def test_results_and_notes_go_different_ways(capsys: pytest.CaptureFixture[str]) -> None:
    console.result("the result")
    console.note("a note")
    console.warn("a warning")
    captured = capsys.readouterr()
    assert captured.out == "the result\n"
    assert captured.err == "a note\nwarning: a warning\n"


def test_a_table_has_columns_as_wide_as_they_need() -> None:
    text = console.table(["A", "LONGER", "LAST"], [["1", "2", "3"], ["wide cell", "x", ""]])
    assert text.splitlines() == [
        "A          LONGER  LAST",
        "1          2       3",
        "wide cell  x",
    ]


STATUS = ["AGENT", "CONTAINER", "VERDICT"]
AGENTS = [
    ["example-data-agent", "running", "ready"],
    ["transformer", "running", "failed: restart loop: restarted 7 times, last exit code 1"],
]


@pytest.mark.parametrize("room", [40, 60, 80])
def test_a_table_on_a_narrow_terminal_loses_nothing(room: int) -> None:
    text = console.fitted(STATUS, AGENTS, room)
    assert max(map(len, text.splitlines())) <= room
    wanted = " ".join(cell for row in AGENTS for cell in row).split()
    assert [word for word in wanted if word not in text.split()] == []


def test_a_last_column_that_does_not_fit_goes_on_below_itself() -> None:
    assert console.fitted(STATUS, AGENTS, 60).splitlines() == [
        "AGENT               CONTAINER  VERDICT",
        "example-data-agent  running    ready",
        "transformer         running    failed: restart loop:",
        "                               restarted 7 times, last exit",
        "                               code 1",
    ]


def test_rows_without_room_for_columns_become_blocks_and_addresses_stay_whole() -> None:
    header = ["PROJECT", "STATE", "MONITOR", "FOLDER"]
    row = ["testbed-torre1", "up", "http://127.0.0.1:32768", "/home/jane/physics/swf-testbed"]
    assert console.fitted(header, [row], 60).splitlines() == [
        "PROJECT  testbed-torre1",
        "STATE    up",
        "MONITOR  http://127.0.0.1:32768",
        "FOLDER   /home/jane/physics/swf-testbed",
    ]
    assert console.fitted(header, [row], 20).count("http://127.0.0.1:32768") == 1


def test_a_live_board_shows_whole_lines_on_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "is_live", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    with console.Board() as board:
        board.show(["  waiting transformer 0123456789ab the broker has not confirmed it"])
        first = capsys.readouterr().err
        board.show(["  ready"])
    assert first.replace("\x1b[2K", "").splitlines() == [
        "  waiting transformer 0123456789ab the",
        "    broker has not confirmed it",
    ]
    assert capsys.readouterr().err.startswith("\x1b[2A")


@pytest.mark.parametrize(
    ("stdin", "stderr", "ci", "can"),
    [
        (True, True, "", True),
        (False, True, "", False),
        (True, False, "", False),
        (True, True, "true", False),
    ],
)
def test_a_question_needs_a_terminal_both_ways_and_no_ci(
    monkeypatch: pytest.MonkeyPatch, stdin: bool, stderr: bool, ci: str, can: bool
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: stdin)
    monkeypatch.setattr("sys.stderr.isatty", lambda: stderr)
    monkeypatch.setenv("CI", ci)
    assert console.can_ask() == can


def test_a_board_without_a_terminal_prints_each_line_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with console.Board() as board:
        board.show(["one", "two"])
        board.show(["one", "three"])
        board.show(["two"])
    assert capsys.readouterr().err.splitlines() == ["one", "two", "three"]


def test_a_live_board_is_drawn_in_place(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "is_live", lambda: True)
    with console.Board() as board:
        board.show(["one", "two"])
        board.show(["one", "two"])
        first = capsys.readouterr().err
        board.show(["three"])
    assert first.count("one") == 1
    assert capsys.readouterr().err.startswith("\x1b[2A")


@pytest.mark.parametrize(("name", "value"), [("CI", "true"), ("TERM", "dumb")])
def test_no_colours_and_no_redrawing_in_ci_or_on_a_dumb_terminal(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert console.is_live()
    assert console.coloured("red", "31") == "\x1b[31mred\x1b[0m"
    monkeypatch.setenv(name, value)
    assert not console.is_live()
    assert console.coloured("red", "31") == "red"


class Lost(BackendError):
    """{count} files are lost
    in {folder}"""

    hint = "Look for them."


def test_an_errors_docstring_is_its_message() -> None:
    error = Lost(count=3, folder="{curly}")
    assert str(error) == "3 files are lost in {curly}"
    assert (error.count, error.folder) == (3, "{curly}")
    assert (error.hint, error.exit_code) == ("Look for them.", ExitCode.BACKEND)
    assert isinstance(error, TestbedError)
    with pytest.raises(AttributeError, match="nothing"):
        _ = error.nothing


def test_an_error_may_bring_its_own_hint() -> None:
    assert ConfigurationError(place="a", problem="b", hint="Do this.").hint == "Do this."
