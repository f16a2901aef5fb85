"""The secrets of a testbed: random, made once, never in the environment or the repository."""

from __future__ import annotations

import secrets
from pathlib import Path

from swf_common.errors import ConfigurationError

LENGTHS = {
    "postgres_password": 32,
    "django_secret_key": 64,
    "mq_agent": 32,
    "mq_monitor": 32,
    "mq_supervisor": 32,
    "mq_operator": 32,
    "mq_legacy": 32,
    "admin_password": 32,
    "token_agent": 40,
    "token_operator": 40,
    "token_viewer": 40,
}
"""Each secret with its length in hex digits."""


def make_secrets(folder: Path) -> list[str]:
    """Make the secrets that are missing; their names.

    The folder is closed to other users (0700); the files are readable (0444), since the user of
    a container is another one than their owner.

    :raises ConfigurationError: the folder cannot be written
    """
    made = []
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        for name, length in LENGTHS.items():
            path = folder / name
            if not path.exists() or not path.stat().st_size:
                fresh = folder / f".{name}.{secrets.token_hex(4)}"
                fresh.write_text(secrets.token_hex(length // 2))
                fresh.chmod(0o444)
                fresh.replace(path)  # never a secret that is cut short
                made.append(name)
    except OSError as error:
        raise ConfigurationError(
            place=str(folder), problem=f"secrets cannot be written: {error.strerror}"
        ) from error
    return made
