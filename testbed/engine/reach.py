"""Whether the engine can read this checkout's files, and containers can use its socket.

Secrets are files of this host that the engine mounts. An engine that runs as root cannot read them
on a server that squashes root (NFS homes), one in a virtual machine only what is shared with it,
one on another host not at all. A container that is given such a file says what is so.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from swf_common.errors import BackendError
from testbed.engine.containers import Containers, MountRefused
from testbed.engine.endpoint import Engine, Place

MOUNTS = Path("/proc/self/mounts")
NETWORK = frozenset(
    ["afs", "beegfs", "ceph", "cifs", "gpfs", "lustre", "nfs", "nfs4", "panfs", "smb3", "9p"]
)
"""Types of file systems on other hosts; all that begin with `fuse` may be closed to root too."""
ADVICE = {
    Place.HERE: "An engine that runs as root may not read files on a server that squashes root, "
    "as NFS homes do. Put the checkout on a local disk of this host, or use a rootless engine "
    'of this user: docs/install.md, "Which engine".',
    Place.MACHINE: "Share this folder with the virtual machine (Docker Desktop: File sharing; "
    "Colima: --mount), or put the checkout below your home.",
    Place.ELSEWHERE: "Containers get their secrets from files of the engine's host. Run the "
    "testbed there, or use an engine of this host: docker context use default.",
}
SOCKET_SCRIPT = "stat -c %g /seen && test -S /seen && test -r /seen && test -w /seen"


class FilesOutOfReach(BackendError):
    """The engine at {engine} cannot read {folder}{kind}: {cause}"""


class SocketOutOfReach(BackendError):
    """The supervisor cannot use the engine's socket {socket} ({place}): {cause}"""

    hint = (
        "Set TESTBED_ENGINE_SOCKET and TESTBED_ENGINE_GROUP as they are there, or do without it "
        "([supervisor] enabled = false): pages, REST and MCP then do not start or stop agents."
    )


def file_system(folder: Path, mounts: str | None = None) -> str:
    """The type of the file system that holds a folder; empty where that is not known.

    :param mounts: as in /proc/self/mounts; default: that file, which only Linux has
    """
    if mounts is None:
        mounts = MOUNTS.read_text() if MOUNTS.exists() else ""
    place, kind = Path(), ""
    for line in mounts.splitlines():
        _, target, listed, *_ = line.split(" ")
        point = Path(target.encode().decode("unicode_escape"))
        inside = folder == point or point in folder.parents
        if inside and len(point.parts) >= len(place.parts):  # the last one covers the others
            place, kind = point, listed
    return kind


def doubtful(engine: Engine, kind: str) -> bool:
    """Whether the engine may be unable to read files of this host."""
    return engine.place != Place.HERE or kind in NETWORK or kind.startswith("fuse")


@dataclass(frozen=True)
class Probe:
    """Looks at a path with a container of an image that is there.

    :param images: names of images with a shell; the first that exists is taken
    """

    containers: Containers
    images: Iterable[str]

    @property
    def image(self) -> str | None:
        return next(filter(self.containers.image_exists, self.images), None)

    def files(self, folder: Path) -> str | None:
        """Why a container cannot read a file in a closed folder there, as secrets are; empty when
        it can, None when there is no image to find out with.
        """
        image = self.image
        if image is None:
            return None
        with _sample(folder) as (path, text):
            try:
                code, output = self.containers.run_probe(image, path, ["cat", "/seen"])
            except MountRefused as error:
                return str(error.cause)
        return "" if (code, output.strip()) == (0, text) else output.strip() or f"exit code {code}"

    def socket(self, path: Path, group: str) -> tuple[str, str] | None:
        """Why the supervisor cannot use the engine's socket, and the group to which it belongs.

        :param group: the group that the supervisor gets
        :return: the reason is empty when it can; None when there is no image to find out with
        """
        image = self.image
        if image is None:
            return None
        try:
            command = ["sh", "-c", SOCKET_SCRIPT]
            code, output = self.containers.run_probe(image, path, command, group)
        except MountRefused as error:
            return str(error.cause), ""
        owner = output.strip().splitlines()[0] if output.strip() else ""
        if code == 0:
            return "", owner
        if owner.isdecimal() and owner != group:
            return f"it belongs to group {owner}, and the supervisor gets group {group}", owner
        return output.strip() or "it is not a socket that the supervisor may use", ""

    def usable_socket(self, path: Path, group: str) -> tuple[str, str] | None:
        """The same, with the group to which the socket belongs where `group` is another one."""
        outcome = self.socket(path, group)
        if outcome and outcome[0] and outcome[1] not in ("", group):
            return self.socket(path, outcome[1])
        return outcome


def check_files(engine: Engine, probe: Probe, folder: Path) -> None:
    """Find out before a start that the engine cannot read a folder, where that is in doubt.

    :raises FilesOutOfReach: it cannot
    """
    kind = file_system(folder)
    cause = probe.files(folder) if doubtful(engine, kind) else ""
    if cause:
        raise FilesOutOfReach(
            engine=engine,
            folder=folder,
            kind=f" ({kind})" if kind else "",
            cause=cause,
            hint=ADVICE[engine.place],
        )


def find_group(engine: Engine, probe: Probe, socket: str, group: str) -> str:
    """The group with which the supervisor can use a socket; only a container can see one that is
    not on this host.

    :raises SocketOutOfReach: no group helps
    """
    outcome = probe.usable_socket(Path(socket), group) if engine.place != Place.HERE else None
    if outcome is None:
        return group
    cause, owner = outcome
    if cause:
        raise SocketOutOfReach(socket=socket, place=engine.place, cause=cause)
    return owner


@contextmanager
def _sample(folder: Path) -> Iterator[tuple[Path, str]]:
    """A file as secrets are: readable for everybody, in a folder that only its owner may enter."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="probe-", dir=folder) as closed:
        path, text = Path(closed) / "sample", secrets.token_hex(8)
        path.write_text(text)
        path.chmod(0o444)
        yield path, text
