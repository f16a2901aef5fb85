"""`testbed token`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from swf_common.protocol.states import Role
from testbed.commands.options import with_session

if TYPE_CHECKING:
    from testbed.stack.session import Session


@click.command()
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    default=Role.VIEWER.value,
    show_default=True,
    help="What the token may do.",
)
@click.option("--name", "purpose", default="testbed token", metavar="TEXT", help="What it is for.")
@click.option(
    "--days", type=click.FloatRange(min=0.001, max=3650), help="Valid so long; else until revoked."
)
@click.option("--user", metavar="NAME", help="Whose it is; default: you.")
@click.option("--list", "show_all", is_flag=True, help="Show the user's tokens instead.")
@click.option("--revoke", type=int, metavar="ID", help="Revoke a token instead.")
@with_session
def token(
    session: Session,
    role: str,
    purpose: str,
    days: float | None,
    user: str | None,
    show_all: bool,
    revoke: int | None,
) -> None:
    """Make a token for the REST interface; the key alone goes to stdout."""
    from testbed.monitor_client.inside_container import ask
    from testbed.output import console
    from testbed.output.tokens import table
    from testbed.project import login_name

    def asked(verb: str, *options: str) -> Any:
        arguments = (verb, f"--user={user or login_name()}", *options)
        return ask(session.containers, session.project.name, "token", *arguments)

    if show_all:
        tokens = asked("list")
        console.result(table(tokens) if tokens else "no tokens")
    elif revoke is not None:
        gone = asked("revoke", f"--id={revoke}")
        console.note(f"Revoked: {gone['hint']}… ({gone['name']}, {gone['role']})")
    else:
        valid = [] if days is None else [f"--days={days}"]
        made = asked("issue", f"--role={role}", f"--name={purpose}", *valid)
        if made["role_given"]:
            console.note(f"The account {made['user']} has the role {role} from now on.")
        until = f"until {made['expires_at'][:16]}" if made["expires_at"] else "until it is revoked"
        console.note(f"A token of {made['user']}, {role}, valid {until}; it is not shown again:")
        click.echo(made["key"])
