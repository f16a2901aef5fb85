"""What is wrong with this machine for a testbed, and what to do next. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from swf_common.errors import ExitCode
from testbed.engine.endpoint import Place
from testbed.engine.reach import ADVICE

ENGINE_FLOOR = (25, 0)
COMPOSE_FLOOR = (2, 24)
"""As in setup/engine.sh: `start_interval`, and override files that can !reset a value."""
GIB = 2**30
LEAST_DISK = 2 * GIB
USUAL_DISK = 8 * GIB
"""Bytes free: what the first build takes, and what leaves room for runs."""
LEAST_MEMORY = 3 * GIB
USUAL_MEMORY = 6 * GIB
"""Bytes of the engine's host: for the backend, and for agents and builds beside it."""
CLOCK_S = 2.0
"""Seconds that the engine's clock may be off; heartbeats are judged by both."""
INSTALL = "docs/install.md says how to get it; on Debian as root: setup/engine.sh"


class Grade(StrEnum):
    """How serious a finding is."""

    OK = "ok"
    NOTE = "note"
    WRONG = "WRONG"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    :param seen: what it is like
    :param advice: what to do next; empty when all is well
    :param code: the exit code if it is wrong
    """

    name: str
    grade: Grade
    seen: str
    advice: str = ""
    code: ExitCode = ExitCode.UNEXPECTED


@dataclass(frozen=True)
class Facts:
    """What a machine is like. None: it could not be found out.

    :param engine: version of the engine; None when none answers, `engine_problem` says why
    :param engine_at: its address, and what chose it
    :param file_system: the type of that of the checkout; empty: not known
    :param files_doubtful: whether engine or file system make it doubtful that secrets can be read
    :param files_problem: why the engine cannot read files of the checkout
    :param socket_problem: why the supervisor could not use the engine's socket; None: it needs none
    :param socket_group: the group to which the socket belongs, where that was seen
    :param disk: bytes free, by what for
    :param memory: bytes of the engine's host in all
    :param port: the monitor's port on this host; None: any free one
    :param port_problem: why it cannot be had
    :param secrets_missing: names; of those there are, `secrets_open` says whether others read them
    :param images_missing: names of images that the next `testbed up` builds
    :param clock_off: seconds by which the engine's clock is ahead
    :param configuration_problem: why the configuration cannot be used
    """

    engine: str | None = None
    engine_problem: str = ""
    compose: str | None = None
    buildx: str | None = None
    engine_at: str = ""
    place: Place | None = None
    file_system: str = ""
    files_doubtful: bool = False
    files_problem: str | None = None
    socket: str = ""
    socket_problem: str | None = None
    socket_group: str = ""
    disk: dict[str, int] = field(default_factory=dict)
    memory: int | None = None
    port: int | None = None
    port_problem: str = ""
    secrets_missing: tuple[str, ...] = ()
    secrets_open: bool = False
    images_missing: tuple[str, ...] | None = None
    clock_off: float | None = None
    configuration_problem: str = ""


def examine(facts: Facts) -> list[Finding]:
    """Every finding, the most basic first."""
    return [
        _configuration(facts),
        _engine(facts),
        _plugin("Compose", facts.compose, COMPOSE_FLOOR),
        _plugin("Buildx", facts.buildx, (0,)),
        *_files(facts),
        *_socket(facts),
        *_disk(facts),
        *_memory(facts),
        *_clock(facts),
        _port(facts),
        _secrets(facts),
        *_images(facts),
    ]


def exit_code(findings: Iterable[Finding]) -> ExitCode:
    """What the command ends with: the backend's code when that cannot run at all."""
    codes = {finding.code for finding in findings if finding.grade == Grade.WRONG}
    return ExitCode.BACKEND if ExitCode.BACKEND in codes else next(iter(codes), ExitCode.DONE)


def version(text: str) -> tuple[int, ...]:
    """The numbers with which a version begins.

    >>> version("v2.40.3-3")
    (2, 40, 3)
    """
    match = re.match(r"v?(\d+(?:\.\d+)*)", text)
    return tuple(map(int, match[1].split("."))) if match else ()


def _configuration(facts: Facts) -> Finding:
    if facts.configuration_problem:
        advice = "Fix it; `testbed config` shows what a configuration comes to."
        return Finding("configuration", Grade.WRONG, facts.configuration_problem, advice)
    return Finding("configuration", Grade.OK, "can be used")


def _engine(facts: Facts) -> Finding:
    if facts.engine is None:
        seen, advice = facts.engine_problem, f"Start it. {INSTALL}"
    elif version(facts.engine) < ENGINE_FLOOR:
        seen, advice = f"{facts.engine}, {_dotted(ENGINE_FLOOR)} is needed", INSTALL
    else:
        at = f" at {facts.engine_at}" if facts.engine_at else ""
        where = f", {facts.place}" if facts.place not in (None, Place.HERE) else ""
        return Finding("engine", Grade.OK, f"{facts.engine}{at}{where}")
    return Finding("engine", Grade.WRONG, seen, advice, ExitCode.BACKEND)


def _plugin(name: str, installed: str | None, floor: tuple[int, ...]) -> Finding:
    if installed is None:
        seen = "the docker command does not know it"
    elif version(installed) < floor:
        seen = f"{installed}, {_dotted(floor)} is needed"
    else:
        return Finding(name, Grade.OK, installed)
    return Finding(name, Grade.WRONG, seen, INSTALL, ExitCode.BACKEND)


def _files(facts: Facts) -> Iterator[Finding]:
    kind = f" ({facts.file_system})" if facts.file_system else ""
    if facts.files_problem:
        seen = f"the engine cannot read this checkout{kind}: {facts.files_problem}"
        advice = ADVICE[facts.place or Place.HERE]
        yield Finding("files", Grade.WRONG, seen, advice, ExitCode.BACKEND)
    elif facts.files_problem is not None:
        yield Finding("files", Grade.OK, f"the engine can read this checkout{kind}")
    elif facts.files_doubtful:
        seen = f"whether the engine can read this checkout{kind} is not known without an image"
        yield Finding("files", Grade.NOTE, seen, "testbed build, then testbed doctor again.")


def _socket(facts: Facts) -> Iterator[Finding]:
    if facts.socket_problem:
        which = f"TESTBED_ENGINE_GROUP={facts.socket_group}" if facts.socket_group else ""
        advice = (
            f"Set {which or 'TESTBED_ENGINE_SOCKET'}, or do without the supervisor: pages, REST "
            'and MCP then do not start or stop agents, all else works. docs/supervisor.md, "The '
            'socket"'
        )
        seen = f"{facts.socket}: {facts.socket_problem}"
        yield Finding("socket", Grade.WRONG, seen, advice, ExitCode.BACKEND)
    elif facts.socket_problem is not None:
        yield Finding("socket", Grade.OK, facts.socket)
    elif facts.engine and facts.socket and facts.place not in (None, Place.HERE):
        seen = f"{facts.socket} {facts.place}: not looked at"
        yield Finding("socket", Grade.NOTE, seen, "testbed build, then testbed doctor again.")


def _disk(facts: Facts) -> Iterator[Finding]:
    advice = "Make room. What Docker could do without: docker system df"
    for place, free in facts.disk.items():
        grade = _graded(free, LEAST_DISK, USUAL_DISK)
        seen = f"{free / GIB:.1f} GiB free for {place}"
        yield Finding("disk", grade, seen, "" if grade == Grade.OK else advice)


def _memory(facts: Facts) -> Iterator[Finding]:
    if facts.memory is None:
        return
    grade = _graded(facts.memory, LEAST_MEMORY, USUAL_MEMORY)
    advice = f"With less than {USUAL_MEMORY // GIB} GiB enable few agents, run one testbed."
    seen = f"{facts.memory / GIB:.1f} GiB on the engine's host"
    yield Finding("memory", grade, seen, "" if grade == Grade.OK else advice)


def _clock(facts: Facts) -> Iterator[Finding]:
    if facts.clock_off is None:
        return
    if abs(facts.clock_off) > CLOCK_S:
        seen = f"the engine's is {abs(facts.clock_off):.1f} s "
        seen += "ahead" if facts.clock_off > 0 else "behind"
        advice = "Set both by the network's time; a virtual machine's after waking: restart it."
        yield Finding("clock", Grade.WRONG, seen, advice)
    else:
        yield Finding("clock", Grade.OK, "the engine's agrees with this host's")


def _port(facts: Facts) -> Finding:
    wanted = "any free one" if facts.port is None else str(facts.port)
    if facts.port_problem:
        advice = "Choose another TESTBED_MONITOR_PORT, or none for any free one."
        return Finding("port", Grade.WRONG, f"{wanted}: {facts.port_problem}", advice)
    return Finding("port", Grade.OK, wanted)


def _secrets(facts: Facts) -> Finding:
    if facts.secrets_open:
        return Finding(
            "secrets",
            Grade.WRONG,
            "their folder is open to other users of this host",
            "Close it with: testbed init. Who may have read them: remove them and begin again.",
        )
    if facts.secrets_missing:
        seen = f"{len(facts.secrets_missing)} are not made yet"
        return Finding("secrets", Grade.NOTE, seen, "testbed init makes them, testbed up too.")
    return Finding("secrets", Grade.OK, "all there, for you alone")


def _images(facts: Facts) -> Iterator[Finding]:
    if facts.images_missing is None:
        return
    if facts.images_missing:
        seen = f"not built or out of date: {', '.join(facts.images_missing)}"
        yield Finding("images", Grade.NOTE, seen, "testbed build makes them, testbed up too.")
    else:
        yield Finding("images", Grade.OK, "all built")


def _graded(value: int, least: int, usual: int) -> Grade:
    if value < least:
        return Grade.WRONG
    return Grade.NOTE if value < usual else Grade.OK


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))
