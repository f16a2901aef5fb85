"""The command line: help, configuration, and mistakes that end with exit code 2 and no traceback.

Each test runs the command in a process of its own, as a user does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from swf_common import __version__
from swf_common.errors import ExitCode
from testbed.project import ROOT

TESTBED = '[testbed]\nnamespace = "torre7"\n'
WORKFLOW = '[workflow]\nname = "stf_datataking"\nconfig = "fast_processing_default"\n'
COMMANDS = [
    "agents",
    "build",
    "config",
    "dead-letters",
    "doctor",
    "down",
    "init",
    "logs",
    "ls",
    "mcp",
    "open",
    "prune",
    "queues",
    "report",
    "run",
    "runs",
    "status",
    "stop",
    "stop-agents",
    "token",
    "up",
]


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


@dataclass
class Shell:
    """A folder in which commands are run."""

    folder: Path

    def write(self, text: str, name: str = "testbed.toml") -> None:
        (self.folder / name).write_text(text)

    def run(self, *arguments: str, columns: int = 80) -> Ended:
        """Run `testbed` with these arguments; nothing of the user's environment gets in its way."""
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "CI": "true"}
        environment["COLUMNS"] = str(columns)
        done = subprocess.run(
            [sys.executable, "-m", "testbed.commands.main", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert "Traceback" not in done.stderr
        return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_help_lists_every_command(shell: Shell) -> None:
    ended = shell.run("--help")
    assert ended.code == ExitCode.DONE
    assert [name for name in COMMANDS if f"\n  {name} " not in ended.out] == []


@pytest.mark.parametrize("columns", [60, 80])
def test_the_list_of_commands_is_not_cut_on_a_narrow_terminal(shell: Shell, columns: int) -> None:
    shown = shell.run("--help", columns=columns).out
    assert "..." not in shown.split("\nCommands:\n")[1]
    assert max(map(len, shown.splitlines())) <= columns


def test_the_version_is_told(shell: Shell) -> None:
    assert shell.run("--version").out == f"testbed, version {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["rum"], "No such command 'rum'"),
        (["run", "--duration", "-1"], "--duration"),
        (["run", "--set"], "--set"),
        (["config", "--unknown"], "--unknown"),
        (["down", "--all", "--volumes"], "say --yes"),
        (["down", "--all", "--namespace", "torre7"], "leave --namespace out"),
        (["report", "x", "--junit", "no/such/folder.xml"], "a folder that exists"),
        (["open", "--role", "king"], "--role"),
        (["logs", "--since", "tomorrow"], "accepted: an age (90s, 10m"),
        (["logs", "--tail", "few"], "neither a number of lines nor all"),
        (["queues", "purge"], "Say what to empty"),
        (["queues", "list", "x"], "Say what to empty"),
        (["dead-letters", "show"], "Say which letter"),
        (["dead-letters", "list", "3"], "A list takes no ID"),
        (["dead-letters", "retry"], "Say which letters"),
        (["dead-letters", "discard", "3", "--all"], "Say which letters"),
        (["dead-letters", "discard", "three"], "three"),
        (["dead-letters", "retry", "3", "--json"], "--json goes with"),
    ],
)
def test_wrong_usage_exits_2_and_says_what_is_wrong(
    shell: Shell, arguments: list[str], part: str
) -> None:
    ended = shell.run(*arguments)
    assert ended.code == ExitCode.CONFIGURATION
    assert part in ended.err


def test_config_shows_each_value_and_its_origin(shell: Shell) -> None:
    shell.write(TESTBED + WORKFLOW + "[fast_processing]\nstf_count = 7\n")
    ended = shell.run("config", "--set", "stf_interval=0.5")
    assert ended.code == ExitCode.DONE
    rows = {line.split()[0]: line.split()[1:] for line in ended.out.splitlines()}
    assert rows["KEY"] == ["VALUE", "FROM"]
    assert rows["testbed.namespace"] == ['"torre7"', "testbed.toml"]
    assert rows["fast_processing.stf_count"] == ["7", "testbed.toml"]
    assert rows["daq_state_machine.stf_interval"] == ["0.5", "--set"]
    assert rows["daq_state_machine.broadcast_delay"] == ["1.0", "default"]
    assert rows["workflow.duration"] == ["0", "default"]
    assert [key for key in rows if key.startswith("origins")] == []


def test_config_shows_what_an_expectation_follows(shell: Shell) -> None:
    shell.write(TESTBED + WORKFLOW + '[expect]\nstf_processed = "stf_count"\n')
    (row,) = [line for line in shell.run("config").out.splitlines() if "expect." in line]
    assert row.split(maxsplit=2) == [
        "expect.stf_processed",
        "10",
        "testbed.toml, follows stf_count",
    ]
    ended = shell.run("config", "--set", "workflow.duration=16")
    (row,) = [line for line in ended.out.splitlines() if "expect." in line]
    assert row.split(maxsplit=2)[1:] == [
        "-",
        "testbed.toml, follows stf_count; not with a duration",
    ]


def test_config_as_json_is_the_resolved_configuration(shell: Shell) -> None:
    shell.write(TESTBED + WORKFLOW)
    ended = shell.run("config", "--json", "--namespace", "torre8")
    content = json.loads(ended.out)
    assert content["testbed"] == {"namespace": "torre8"}
    assert content["fast_processing"]["stf_count"] == 10
    assert "origins" not in content


def test_config_of_a_named_workflow(shell: Shell) -> None:
    shell.write(TESTBED)
    content = json.loads(shell.run("config", "stf_datataking", "--json").out)
    assert content["workflow"]["config"] == "stf_datataking_default"
    assert content["agents"]["data"]["enabled"] is True


def test_another_file_may_be_named(shell: Shell) -> None:
    shell.write(TESTBED + WORKFLOW, "mine.toml")
    assert json.loads(shell.run("config", "--config", "mine.toml", "--json").out)


def test_the_repositorys_own_file_is_taken_where_there_is_none(shell: Shell) -> None:
    ended = shell.run("config", "--json")
    assert (ended.code, json.loads(ended.out)["testbed"]) == (0, {"namespace": "torre1"})


def test_notes_on_old_files_go_to_stderr(shell: Shell) -> None:
    shell.write(TESTBED + WORKFLOW + '[agents.data]\nenabled = true\nscript = "data.py"\n')
    ended = shell.run("config", "--json")
    assert "warning:" in ended.err
    assert '"script" is no longer used' in ended.err
    assert json.loads(ended.out)


@pytest.mark.parametrize("command", ["config", "run", "up", "status", "down", "init"])
def test_a_malformed_file_exits_2_with_its_place_whatever_the_command(
    shell: Shell, command: str
) -> None:
    shell.write(TESTBED + WORKFLOW + "[agents.data]\nenabeld = true\n")
    ended = shell.run(command)
    assert ended.code == ExitCode.CONFIGURATION
    assert ended.out == ""
    assert ended.err.startswith("Error: testbed.toml: [agents.data]")
    assert 'did you mean "enabled"?' in ended.err


@pytest.mark.parametrize(
    ("text", "arguments", "parts"),
    [
        ("", [], ["testbed.toml", "[testbed]", "namespace"]),
        ("[testbed\n", [], ["testbed.toml", "not valid TOML", "line 1"]),
        (TESTBED + WORKFLOW, ["--set", "stf_cuont=1"], ["--set", 'did you mean "stf_count"?']),
        (TESTBED + WORKFLOW, ["stf_datatakin"], ["stf_datatakin", "did you mean"]),
        (TESTBED + WORKFLOW, ["--namespace", "No Good"], ["--namespace", "No Good"]),
        (TESTBED + WORKFLOW, ["--config", "missing.toml"], ["missing.toml", "no such file"]),
    ],
)
def test_a_mistake_is_told_with_what_to_do_next(
    shell: Shell, text: str, arguments: list[str], parts: list[str]
) -> None:
    shell.write(text)
    ended = shell.run("config", *arguments)
    assert ended.code == ExitCode.CONFIGURATION
    assert [part for part in parts if part not in ended.err] == [], ended.err


def test_an_action_on_agents_names_its_program(shell: Shell) -> None:
    ended = shell.run("agents", "stop")
    assert ended.code == ExitCode.CONFIGURATION
    assert "testbed agents stop PROGRAM" in ended.err
    assert shell.run("agents", "dance").code == ExitCode.CONFIGURATION


def test_a_run_without_agents_is_a_mistake(shell: Shell) -> None:
    shell.write(TESTBED + WORKFLOW)
    ended = shell.run("run")
    assert ended.code == ExitCode.CONFIGURATION
    assert "no agent is enabled" in ended.err
    assert "enabled = true" in ended.err
