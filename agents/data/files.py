"""Files that are whole or not there, and that are verified before they are used."""

from __future__ import annotations

import errno
import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedWriter
from pathlib import Path
from uuid import uuid4

FULL = {errno.ENOSPC, errno.EDQUOT}
ALGORITHM = "sha256"


class DamagedFile(Exception):
    """A file is missing, or not what its announcement says."""


class VolumeFull(Exception):
    """A file could not be written because its volume, or the quota there, is full."""


@dataclass(frozen=True)
class WrittenFile:
    """A written file: where it is, its size in bytes and its `sha256:<hex>` checksum."""

    path: Path
    size_bytes: int
    checksum: str


@dataclass(frozen=True)
class FileContent:
    """A file in memory: its name and its bytes."""

    name: str
    content: bytes


def write_atomically(path: Path, content: bytes) -> WrittenFile:
    """Write a file so that readers, now and after a crash, see all of it or nothing.

    Folders that are missing are made. Several writers of the same path do not disturb each
    other: the last one wins.

    :raises VolumeFull: no room; nothing of the file is left behind
    :raises OSError: it cannot be written for another reason
    """
    fresh = path.with_name(f".{path.name}.{uuid4().hex}.new")
    try:
        with _create(fresh) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink()
        if error.errno in FULL:
            raise VolumeFull(
                f"{path.name} ({len(content)} bytes) could not be written to {path.parent}: "
                f"{error.strerror}. Make room there, or keep fewer files."
            ) from error
        raise
    return WrittenFile(path, len(content), checksum_of(content))


def _create(path: Path) -> BufferedWriter:
    """Create a file, and its folder where that is missing: most often it is there."""
    with suppress(FileNotFoundError):
        return path.open("xb")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("xb")


def checksum_of(content: bytes) -> str:
    """The checksum of a file's content, in the form that messages carry."""
    return f"{ALGORITHM}:{hashlib.new(ALGORITHM, content).hexdigest()}"


def verify(path: Path, size_bytes: int, checksum: str) -> None:
    """Hold a file against what was announced; reads it once, in pieces.

    :raises DamagedFile: missing, of another size, or with another checksum
    """
    try:
        with path.open("rb") as file:
            _check_size(path, os.fstat(file.fileno()).st_size, size_bytes)
            actual = f"{ALGORITHM}:{hashlib.file_digest(file, ALGORITHM).hexdigest()}"
    except OSError as error:
        raise DamagedFile(f"{path.name} cannot be read: {error.strerror}") from error
    _check_sum(path, actual, checksum)


def verified(file: tuple[str, int, str] | None, data_folder: Path) -> Path:
    """The path of a file that was announced by URL, size in bytes and checksum, and is that.

    :raises DamagedFile: as `locate` and `verify`, or nothing was announced
    """
    file_url, size_bytes, checksum = _announced(file)
    path = locate(file_url, data_folder)
    verify(path, size_bytes, checksum)
    return path


def read_verified(file: tuple[str, int, str] | None, data_folder: Path) -> FileContent:
    """Verify a file and return its content, for readers of the whole file: it is read only once.

    :raises DamagedFile: as `verified`
    """
    file_url, size_bytes, checksum = _announced(file)
    path = locate(file_url, data_folder)
    try:
        with path.open("rb") as stored:
            _check_size(path, os.fstat(stored.fileno()).st_size, size_bytes)
            content = stored.read()
    except OSError as error:
        raise DamagedFile(f"{path.name} cannot be read: {error.strerror}") from error
    _check_sum(path, checksum_of(content), checksum)
    return FileContent(path.name, content)


def _announced(file: tuple[str, int, str] | None) -> tuple[str, int, str]:
    if file is None:
        raise DamagedFile("it was announced without a file")
    return file


def _check_size(path: Path, actual: int, announced: int) -> None:
    if actual != announced:
        raise DamagedFile(f"{path.name} has {actual} bytes, announced were {announced}")


def _check_sum(path: Path, actual: str, announced: str) -> None:
    if actual != announced:
        raise DamagedFile(f"{path.name} has checksum {actual}, announced was {announced}")


def locate(file_url: str, data_folder: Path) -> Path:
    """The path that a `file:` URL names.

    :raises DamagedFile: it lies outside of the data folder
    """
    path = Path(file_url.removeprefix("file://")).resolve()
    if not path.is_relative_to(data_folder.resolve()):
        raise DamagedFile(f"{file_url} lies outside of {data_folder}")
    return path
