"""STF files: small real files whose size and checksum are true.

One header line of JSON, then `tf_count` records of `TF_RECORD_BYTES` bytes, one a time frame;
deterministic in run and sequence. The ROOT format comes with fast processing.
"""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass
from pathlib import Path

TF_RECORD_BYTES = 64
TF_DURATION_S = 2**16 / 98.5e6
"""Length of a time frame in seconds: 2^16 bunch crossings at 98.5 MHz."""


class DamagedFile(Exception):
    """An STF file is missing, or not what its announcement says."""


@dataclass(frozen=True)
class StfFile:
    """A written STF file: where it is, its size in bytes and its `sha256:<hex>` checksum."""

    path: Path
    size_bytes: int
    checksum: str


def checksum_of(content: bytes) -> str:
    """The checksum in the form that messages carry."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that readers see all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(content)
    fresh.replace(path)


def write(folder: Path, run_id: str, sequence: int, tf_count: int) -> StfFile:
    """Write the STF of a run and sequence number below `folder`."""
    header = json.dumps({"run_id": run_id, "sequence": sequence, "tf_count": tf_count})
    source = random.Random(f"{run_id}/{sequence}")
    content = header.encode() + b"\n" + source.randbytes(tf_count * TF_RECORD_BYTES)
    path = folder / run_id / f"swf.{run_id}.{sequence:06d}.stf"
    write_atomically(path, content)
    return StfFile(path, len(content), checksum_of(content))


def locate(file_url: str, data_folder: Path) -> Path:
    """The path that a `file:` URL names.

    :raises DamagedFile: it lies outside of the data folder
    """
    path = Path(file_url.removeprefix("file://")).resolve()
    if not path.is_relative_to(data_folder.resolve()):
        raise DamagedFile(f"{file_url} lies outside of {data_folder}")
    return path


def read(path: Path, size_bytes: int, checksum: str) -> bytes:
    """The content of an STF file, verified against what was announced.

    :raises DamagedFile: missing, of another size, or with another checksum
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DamagedFile(f"{path.name} cannot be read: {error.strerror}") from error
    if len(content) != size_bytes:
        raise DamagedFile(f"{path.name} has {len(content)} bytes, announced were {size_bytes}")
    found = checksum_of(content)
    if found != checksum:
        raise DamagedFile(f"{path.name} has checksum {found}, announced was {checksum}")
    return content


def time_frames(content: bytes) -> list[bytes]:
    """The records of an STF, one a time frame."""
    records = content[content.index(b"\n") + 1 :]
    return [
        records[start : start + TF_RECORD_BYTES]
        for start in range(0, len(records), TF_RECORD_BYTES)
    ]
