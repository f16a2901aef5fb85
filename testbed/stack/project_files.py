"""The files that make a folder a testbed: a wheel carries them, `testbed init` lays them down."""

from __future__ import annotations

import filecmp
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from swf_common.errors import ConfigurationError
from testbed.project import COMPOSE_FILE


@dataclass
class Laid:
    """What was done with each file.

    :param made: those that were missing
    :param kept: those that were there and have another content
    """

    made: list[Path] = field(default_factory=list)
    kept: list[Path] = field(default_factory=list)

    @property
    def entries(self) -> list[str]:
        """What was made, with one entry for all that is in a folder."""
        return sorted({one.parts[0] + ("/" if len(one.parts) > 1 else "") for one in self.made})


def lay_down(packaged: Path, root: Path) -> Laid:
    """Copy what is missing in a folder; a file that is there stays as it is.

    compose.yaml comes last: without it, an interrupted command is to be repeated.

    :param packaged: the files that a wheel carries
    :raises ConfigurationError: one cannot be written
    """
    laid = Laid()
    for source in sorted(packaged.rglob("*"), key=lambda one: (one.name == COMPOSE_FILE, one)):
        name = source.relative_to(packaged)
        target = root / name
        if source.is_dir() or "__pycache__" in name.parts:
            continue
        if target.exists():
            if not filecmp.cmp(source, target, shallow=False):
                laid.kept.append(name)
            continue
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
        except OSError as error:
            raise ConfigurationError(
                place=str(target), problem=f"cannot be written: {error.strerror}"
            ) from error
        laid.made.append(name)
    return laid
