"""What all commands have in common: options, the session they lead to, and errors."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from swf_common.configuration import Configuration
    from testbed.stack.session import Session

Function = TypeVar("Function", bound=Callable[..., Any])

DEFAULT_CONFIG = "testbed.toml"


def testbed_options(function: Function) -> Function:
    """Give a command the options that every command takes."""
    for option in (
        click.option("-v", "--verbose", is_flag=True, help="Echo each Docker command."),
        click.option("--namespace", metavar="NAME", help="Use this namespace."),
        click.option(
            "--config",
            "config_file",
            metavar="FILE",
            default=DEFAULT_CONFIG,
            show_default=True,
            help="The configuration file.",
        ),
    ):
        function = option(function)
    return function


def with_session(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that every command takes, and the session that they lead to."""

    @wraps(function)
    def command(config_file: str, namespace: str | None, verbose: bool, **options: Any) -> None:
        function(open_session(config_file, verbose=verbose, namespace=namespace), **options)

    return testbed_options(command)


def set_option(function: Function) -> Function:
    """Give a command `--set`."""
    return click.option(
        "--set",
        "overrides",
        metavar="SECTION.KEY=VALUE",
        multiple=True,
        help="Override one value; may be repeated.",
    )(function)


def force_option(function: Function) -> Function:
    """Give a command `--force`."""
    return click.option(
        "--force", is_flag=True, help="Also where that disturbs a run in progress."
    )(function)


def junit_option(function: Function) -> Function:
    """Give a command `--junit`."""
    return click.option(
        "--junit",
        type=click.Path(dir_okay=False, path_type=Path),
        callback=_in_a_folder,
        metavar="FILE",
        help="Write the outcome as a JUnit file.",
    )(function)


def _in_a_folder(_context: click.Context, _option: click.Parameter, file: Path | None) -> Any:
    if file is not None and not file.parent.is_dir():
        raise click.BadParameter(f"'{file}' is not a file in a folder that exists")
    return file


def load_configuration(config_file: str, **choices: Any) -> Configuration:
    """Resolve the configuration; its notes go to the user.

    The default file is looked for here, then in the repository.

    :raises ConfigurationError: it is wrong, or the folder is not a testbed
    """
    from swf_common import __version__
    from swf_common.configuration import resolve
    from testbed.output import console
    from testbed.project import ROOT, check_laid_down, version_of

    check_laid_down(ROOT)
    if version_of(ROOT) != __version__:
        console.warn(
            f"this command is version {__version__}, and the files in {ROOT} are of version "
            f"{version_of(ROOT) or 'unknown'}: docs/install.md says how to take newer ones"
        )
    path = Path(config_file)
    if config_file == DEFAULT_CONFIG and not path.exists():
        path = ROOT / DEFAULT_CONFIG
    configuration = resolve(path, ROOT / "workflows", **choices)
    for text in configuration.notes:
        console.warn(text)
    return configuration


def open_session(config_file: str, *, verbose: bool, **choices: Any) -> Session:
    """The session of a command's testbed."""
    from testbed.project import Project
    from testbed.stack.session import Session

    if verbose:
        echo_docker_commands()
    configuration = load_configuration(config_file, **choices)
    return Session(Project(configuration.namespace), configuration)


def echo_docker_commands() -> None:
    """Show each Docker command, ready to be pasted, and what Compose says of it."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("+ %(message)s"))
    handler.addFilter(_shorten)
    for name in ("python_on_whales.utils", "docker compose"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.DEBUG)
        logger.addHandler(handler)


def _shorten(record: logging.LogRecord) -> bool:
    record.msg = str(record.msg).replace("Running command: ", "")
    return True
