"""The facts for `testbed doctor`: each is found separately, so that no failure hides another."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from swf_common.configuration import Configuration
from swf_common.errors import ConfigurationError, TestbedError
from testbed.doctor.findings import Facts
from testbed.engine.daemon_socket import GROUP, SOCKET
from testbed.engine.docker_containers import connect
from testbed.engine.endpoint import Engine, Place, find_engine
from testbed.engine.inspection import read_time
from testbed.engine.reach import doubtful, file_system
from testbed.project import Project
from testbed.stack import monitor_port
from testbed.stack.secret_files import LENGTHS
from testbed.stack.session import MONITOR_PORT, MONITOR_SERVICE, Session

COMMAND_TIMEOUT_S = 10.0


def gather_facts(root: Path, load: Callable[[], Configuration]) -> Facts:
    """The facts about this machine that matter to the testbed of a configuration.

    :param root: the checkout
    :param load: resolves the configuration
    """
    configuration, configuration_problem = _tried(load)
    engine, engine_problem = _tried(_ask_engine)
    session = None
    if configuration is not None:
        session = Session(Project(configuration.namespace, root), configuration)
    located, _ = _tried(find_engine)
    kind = file_system(root)
    problem, group = _socket_problem(session, located) if engine and session else (None, "")
    information: dict[str, Any] = engine or {}
    port, port_problem = _monitor_port(root, session if engine else None)
    return Facts(
        configuration_problem=configuration_problem,
        engine=information.get("version"),
        engine_problem=engine_problem,
        engine_at=str(located or ""),
        place=located.place if located else None,
        file_system=kind,
        files_doubtful=bool(engine and located and doubtful(located, kind)),
        files_problem=_files_problem(session) if session and engine else None,
        compose=_plugin_version("compose"),
        buildx=_plugin_version("buildx"),
        socket=_socket_path(session) if session and located else "",
        socket_problem=problem,
        socket_group=group,
        disk=_free_bytes(root, information.get("folder") if _is_here(located) else None),
        memory=information.get("memory"),
        clock_off=information.get("clock_off"),
        port=port,
        port_problem=port_problem,
        secrets_missing=_missing_secrets(session.project) if session else (),
        secrets_open=_open_to_others(session.project.secrets) if session else False,
        images_missing=_missing_images(session) if session and engine else None,
    )


def _tried(action: Callable[[], Any]) -> tuple[Any, str]:
    """What an action gives, or what is wrong."""
    try:
        return action(), ""
    except (TestbedError, OSError) as error:
        return None, str(error)


def _ask_engine() -> dict[str, Any]:
    client = connect()
    before = datetime.now(UTC)
    facts = client.info()
    middle = before + (datetime.now(UTC) - before) / 2
    return {
        "version": client.version()["Version"],
        "memory": facts["MemTotal"],
        "folder": facts["DockerRootDir"],
        "clock_off": (read_time(facts["SystemTime"]) - middle).total_seconds(),
    }


def _plugin_version(name: str) -> str | None:
    """A plugin's version as the docker command finds it."""
    try:
        done = subprocess.run(
            ["docker", name, "version"],
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    numbers = (word for word in done.stdout.split() if word.lstrip("v")[:1].isdigit())
    return next(numbers, None) if done.returncode == 0 else None


def _files_problem(session: Session) -> str | None:
    problem, failed = _tried(lambda: session.probe().files(session.project.folder))
    return failed or problem


def _socket_path(session: Session) -> str:
    off = "supervisor" in session.configuration.switched_off
    return "" if off else session.environment[SOCKET]


def _socket_problem(session: Session, engine: Engine) -> tuple[str | None, str]:
    """Why the supervisor could not use the socket, and the group to which it belongs.

    None when there is no supervisor, or when nothing here can find it out.
    """
    if not _socket_path(session):
        return None, ""
    path, group = Path(_socket_path(session)), session.environment[GROUP]
    elsewhere = engine.place != Place.HERE and not os.environ.get(GROUP)
    probe = session.probe()
    check = probe.usable_socket if elsewhere else probe.socket
    outcome, failed = _tried(lambda: check(path, group))
    if failed or outcome:
        return (failed, "") if failed else outcome
    if engine.place != Place.HERE:
        return None, ""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return str(error.strerror), ""
    return "" if stat.S_ISSOCK(mode) else "it is not a socket", ""


def _is_here(engine: Engine | None) -> bool:
    return engine is not None and engine.place == Place.HERE


def _free_bytes(root: Path, engine_folder: str | None) -> dict[str, int]:
    places = {"this checkout": root}
    if engine_folder and Path(engine_folder).is_dir():
        places["images and volumes"] = Path(engine_folder)
    return {what: shutil.disk_usage(folder).free for what, folder in places.items()}


def _monitor_port(root: Path, session: Session | None) -> tuple[int | None, str]:
    """The port that is asked for, and why it cannot be had."""
    choice = monitor_port.user_choice(root)
    try:
        port = choice.port if choice else 0
    except ConfigurationError as error:
        return None, str(error.problem)
    if not port:
        return None, ""
    own = session.containers.published_port(MONITOR_SERVICE, MONITOR_PORT) if session else None
    if (own is None or own[1] != port) and monitor_port.is_bound(port):
        return port, "it is taken"
    return port, ""


def _missing_secrets(project: Project) -> tuple[str, ...]:
    paths = {name: project.secrets / name for name in LENGTHS}
    return tuple(name for name, path in paths.items() if not path.is_file())


def _open_to_others(folder: Path) -> bool:
    return folder.is_dir() and bool(folder.stat().st_mode & 0o077)


def _missing_images(session: Session) -> tuple[str, ...] | None:
    """Images that the engine lacks; None when their names are not known."""
    try:
        names = {one.image for one in session.services.values() if one.role}
        return tuple(sorted(name for name in names if not session.containers.image_exists(name)))
    except TestbedError:
        return None
