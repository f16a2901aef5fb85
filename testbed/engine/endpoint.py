"""Which Docker engine is used: the one that the `docker` command would use, found in one place.

The docker SDK's `from_env` knows DOCKER_HOST alone, and its own reader of contexts neither
DOCKER_CONTEXT nor a folder without config.json (decision 0026).
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from swf_common.errors import BackendError

USUAL_SOCKET = "/var/run/docker.sock"
UNIX = "unix://"
DEFAULT_CONTEXT = "default"
MACHINE_FOLDERS = (
    ".docker/desktop",
    ".docker/run",
    ".colima",
    ".config/colima",
    ".lima",
    ".orbstack",
    ".rd",
)
"""Where Docker Desktop, Colima, Lima, OrbStack and Rancher Desktop put the socket of an engine
that runs in a virtual machine."""


class NoSuchContext(BackendError):
    """The Docker context {name} ({source}) does not exist. Known: {known}."""

    hint = "Choose another one: docker context use NAME, or unset DOCKER_CONTEXT."


class Place(StrEnum):
    """Where an engine runs, as seen from this process."""

    HERE = "on this host"
    MACHINE = "in a virtual machine of this host"
    ELSEWHERE = "on another host"


@dataclass(frozen=True)
class Engine:
    """An engine's address, and where it was found.

    :param host: as in DOCKER_HOST: `unix://`, `tcp://`, `ssh://`
    :param source: what named it, for people
    :param tls: folder with ca.pem, cert.pem and key.pem of a context
    :param verify: whether a context wants the engine's certificate checked
    """

    host: str
    source: str
    tls: Path | None = None
    verify: bool = True

    def __str__(self) -> str:
        return f"{self.host} ({self.source})"

    @property
    def socket(self) -> Path | None:
        """Its socket on this host; None where it is reached in another way."""
        return Path(self.host.removeprefix(UNIX)) if self.host.startswith(UNIX) else None

    @property
    def place(self) -> Place:
        if self.socket is None:
            return Place.ELSEWHERE
        in_machine = any(f"/{folder}/" in str(self.socket) for folder in MACHINE_FOLDERS)
        return Place.MACHINE if in_machine or sys.platform == "darwin" else Place.HERE

    @property
    def bound_socket(self) -> Path:
        """The socket that a container can be given: a path on the host where the engine runs."""
        path = self.socket if self.place == Place.HERE else None
        return path or Path(USUAL_SOCKET)

    def connection(self) -> dict[str, Any]:
        """What `docker.DockerClient` needs to reach it."""
        return {
            "base_url": self.host,
            "tls": self._tls(),
            "use_ssh_client": self.host.startswith("ssh://"),
        }

    def variables(self) -> dict[str, str]:
        """The same for programs that know DOCKER_HOST and no contexts."""
        if self.tls is None:
            return {"DOCKER_HOST": self.host}
        check = "DOCKER_TLS_VERIFY" if self.verify else "DOCKER_TLS"
        return {"DOCKER_HOST": self.host, "DOCKER_CERT_PATH": str(self.tls), check: "1"}

    def _tls(self) -> Any:
        if self.tls is None:
            return False
        from docker.tls import TLSConfig

        authority, *pair = (self.tls / name for name in ("ca.pem", "cert.pem", "key.pem"))
        return TLSConfig(
            client_cert=(str(pair[0]), str(pair[1])) if all(map(Path.exists, pair)) else None,
            ca_cert=str(authority) if authority.exists() else None,
            verify=self.verify,
        )


def find_engine(environment: Mapping[str, str] = os.environ) -> Engine:
    """The engine, by the rules of the `docker` command.

    DOCKER_HOST, then DOCKER_CONTEXT, then the context of `docker context use`, then the usual
    socket.

    :raises NoSuchContext: the context that is named does not exist
    """
    host = environment.get("DOCKER_HOST")
    if host:
        return Engine(host, "DOCKER_HOST", *_tls_of_environment(environment))
    folder = _folder(environment)
    name = environment.get("DOCKER_CONTEXT")
    source = "DOCKER_CONTEXT"
    if not name:
        name, source = _current_context(folder), "docker context use"
    if name == DEFAULT_CONTEXT:
        return Engine(UNIX + USUAL_SOCKET, "the usual socket")
    return _of_context(folder, name, source)


def _tls_of_environment(environment: Mapping[str, str]) -> tuple[Path | None, bool]:
    """As the docker command reads DOCKER_TLS_VERIFY and DOCKER_CERT_PATH."""
    verify = bool(environment.get("DOCKER_TLS_VERIFY"))
    if not verify and not environment.get("DOCKER_TLS"):
        return None, True
    named = environment.get("DOCKER_CERT_PATH")
    return (Path(named) if named else _folder(environment)), verify


def _folder(environment: Mapping[str, str]) -> Path:
    """The docker command's own folder."""
    named = environment.get("DOCKER_CONFIG")
    return Path(named) if named else Path(environment.get("HOME", "/")) / ".docker"


def _current_context(folder: Path) -> str:
    try:
        content = json.loads((folder / "config.json").read_text())
        return str(content.get("currentContext") or DEFAULT_CONTEXT)
    except (OSError, ValueError, AttributeError):  # the docker command warns and goes on as well
        return DEFAULT_CONTEXT


def _of_context(folder: Path, name: str, source: str) -> Engine:
    digest = hashlib.sha256(name.encode()).hexdigest()
    try:
        content = json.loads((folder / "contexts" / "meta" / digest / "meta.json").read_text())
        endpoint = content["Endpoints"]["docker"]
        host = endpoint["Host"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        known = ", ".join([DEFAULT_CONTEXT, *sorted(_known_contexts(folder))])
        raise NoSuchContext(name=name, source=source, known=known) from error
    tls = folder / "contexts" / "tls" / digest / "docker"
    skips = bool(endpoint.get("SkipTLSVerify"))
    return Engine(
        host, f"the context {name}, {source}", tls if tls.is_dir() or skips else None, not skips
    )


def _known_contexts(folder: Path) -> Iterator[str]:
    for path in (folder / "contexts" / "meta").glob("*/meta.json"):
        try:
            yield str(json.loads(path.read_text())["Name"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
