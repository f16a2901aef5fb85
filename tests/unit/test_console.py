"""What is printed where: results on stdout, all else on stderr, plainly without a terminal."""

from __future__ import annotations

import pytest

from testbed import console
from testbed.errors import BackendError, ConfigurationError, ExitCode, TestbedError


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
