"""`testbed open`"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from swf_common.protocol.states import Role
from testbed.commands.options import with_session

if TYPE_CHECKING:
    from testbed.stack.session import Session


@click.command("open")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    default=Role.OPERATOR.value,
    show_default=True,
    help="What you may do there.",
)
@click.option("--user", metavar="NAME", help="Who signs in; default: you.")
@click.option("--print", "only_print", is_flag=True, help="Open no browser.")
@with_session
def open_monitor(session: Session, role: str, user: str | None, only_print: bool) -> None:
    """Open the monitor in a browser, signed in.

    The link, which alone goes to stdout, works once, within five minutes. An account keeps what it
    may do already.
    """
    from testbed.monitor_client.inside_container import ask
    from testbed.output import console
    from testbed.project import login_name

    person = user or login_name()
    arguments = (f"--user={person}", f"--role={role}")
    made = ask(session.containers, session.project.name, "sign_in_link", *arguments)
    url = session.monitor_address()
    minutes = made["valid_s"] / 60
    console.note(f"A link that signs {made['user']} in, once, within {minutes:.0f} minutes:")
    link = f"{url}{made['path']}"
    console.result(link)
    if not only_print and shows_pages(os.environ, sys.platform, terminal=sys.stdout.isatty()):
        import webbrowser

        webbrowser.open(link)


def shows_pages(environment: Mapping[str, str], platform: str, *, terminal: bool) -> bool:
    """Whether a person sits at a screen that can show pages."""
    screen = platform in ("darwin", "win32") or any(
        environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
    return terminal and screen and not environment.get("CI")
