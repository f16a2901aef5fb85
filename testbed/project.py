"""One testbed on this machine: its folders, its Compose project and its lock."""

from __future__ import annotations

import fcntl
import getpass
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from swf_common.errors import ConfigurationError

PACKAGED = Path(__file__).resolve().parent / "_project"
"""What a wheel carries for `testbed init` to lay down; a checkout has no such folder."""
ROOT = Path.cwd() if PACKAGED.is_dir() else Path(__file__).resolve().parent.parent
"""Where compose.yaml, images/ and workflows/ are: the checkout, or with a wheel the folder here."""
COMPOSE_FILE = "compose.yaml"
RUN_MARK = ".running"
STARTING = "a run that another command is starting"


class NoTestbed(ConfigurationError):
    """{folder} is not a testbed, it has no compose.yaml: `testbed init` lays one down here"""


@dataclass(frozen=True)
class Project:
    """The testbed of one namespace."""

    namespace: str
    root: Path = ROOT

    @property
    def name(self) -> str:
        """The Compose project's name."""
        return f"testbed-{self.namespace}"

    @property
    def folder(self) -> Path:
        """What belongs to this namespace alone: secrets, run records, evidence."""
        return self.root / ".testbed" / self.namespace

    @property
    def secrets(self) -> Path:
        return self.folder / "secrets"

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    def secret(self, name: str) -> str:
        """A secret's text.

        :raises ConfigurationError: it has not been made yet
        """
        try:
            return (self.secrets / name).read_text().strip()
        except OSError as error:
            raise ConfigurationError(
                place=str(self.secrets / name),
                problem=f"cannot be read: {error.strerror}",
                hint="Make it with: testbed init",
            ) from error

    @contextmanager
    def lock(self, waiting: Callable[[], None]) -> Iterator[None]:
        """Let no other command change this project meanwhile.

        :param waiting: called once when another command has to be waited for
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextmanager
    def following(self) -> Iterator[Callable[[str], object]]:
        """Mark that this command starts and follows a run, until it has drained.

        The mark is a lock on a file, so that it ends with the process, however that ends.

        :return: names the execution once it has an id
        """
        self.runs.mkdir(parents=True, exist_ok=True)
        path = self.runs / f"{os.getpid()}{RUN_MARK}"
        with path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            try:
                yield path.write_text
            finally:
                path.unlink(missing_ok=True)

    def followed(self) -> list[str]:
        """The runs that commands of this checkout start or follow at the moment."""
        values = []
        for path in self.runs.glob(f"*{RUN_MARK}"):
            with suppress(FileNotFoundError), path.open() as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    values.append(file.read() or STARTING)
        return sorted(values)


def check_laid_down(root: Path) -> None:
    """Refuse a folder that is not a testbed.

    :raises NoTestbed: it has no compose.yaml
    """
    if not (root / COMPOSE_FILE).exists():
        raise NoTestbed(folder=root)


def version_of(root: Path) -> str:
    """The version of the code that a testbed's images are built from; empty: not known."""
    path = root / "swf_common" / "__init__.py"
    found = re.search(r'^__version__ = "(.+)"', path.read_text(), re.M) if path.exists() else None
    return found[1] if found else ""


def login_name() -> str:
    """The user's name on this host; `uid1234` where the host knows no name for the user id.

    That is so in containers and on hosts that take their users from a directory that is away.
    """
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid{os.getuid()}"


def user_name() -> str:
    """The user's name in a form that fits into instance names."""
    return re.sub(r"[^A-Za-z0-9_]", "_", login_name())[:32] or "testbed"


def read_env(path: Path, name: str) -> str:
    """A variable's value in an .env file; empty when it is not there."""
    lines = path.read_text().splitlines() if path.exists() else []
    values = [line.partition("=")[2] for line in lines if line.split("=", 1)[0].strip() == name]
    return values[-1].strip() if values else ""


def write_env(path: Path, values: Mapping[str, str]) -> None:
    """Set variables in an .env file and leave every other line of it as it is."""
    lines = path.read_text().splitlines() if path.exists() else []
    kept = [line for line in lines if line.split("=", 1)[0].strip() not in values]
    if not kept:
        kept = ["# Written by `testbed`: what plain `docker compose` needs; other lines stay."]
    text = "\n".join([*kept, *(f"{name}={value}" for name, value in values.items())]) + "\n"
    if not path.exists() or path.read_text() != text:
        fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
        fresh.write_text(text)
        if path.exists():
            fresh.chmod(path.stat().st_mode & 0o777)
        fresh.replace(path)
