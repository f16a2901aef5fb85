"""`testbed queues`"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from testbed.commands.options import with_session

if TYPE_CHECKING:
    from testbed.stack.session import Session

VERBS = ("list", "purge")


@click.command()
@click.argument("verb", type=click.Choice(VERBS), default="list", metavar="[list|purge]")
@click.argument("name", required=False, metavar="[QUEUE|PROGRAM]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.option("--yes", is_flag=True, help="With purge: do not ask.")
@with_session
def queues(session: Session, verb: str, name: str | None, as_json: bool, yes: bool) -> None:
    """List what waits for each program, or empty queues.

    `purge` drops what waits in a queue, or in all queues of a program, from which nobody consumes:
    that work is never done.
    """
    from testbed.output import console
    from testbed.output.queues import table

    if (verb == "purge") != (name is not None):
        raise click.UsageError("Say what to empty: testbed queues purge QUEUE|PROGRAM")
    monitor = session.monitor()
    rows = monitor.consumer_queues()
    if name is not None:
        purge(monitor, chosen(rows, name), ask=not yes)
    elif as_json:
        console.result(json.dumps(rows, indent=2))
    elif rows:
        console.result(table(rows))
    else:
        console.note(f"No program of {session.project.name} has a queue yet.")


def chosen(rows: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """The queues that a name means: one queue, or all of a program.

    :raises ConfigurationError: there are none
    """
    from swf_common.configuration.suggestions import nearest
    from swf_common.errors import ConfigurationError

    name = name.removeprefix("/queue/")
    meant = [one for one in rows if name in (one["queue"], one["program"])]
    if not meant:
        known = sorted({one["program"] for one in rows})
        problem = f"is neither a queue nor a program that has one; {nearest(name, known)}"
        raise ConfigurationError(place=name, problem=problem, hint="See: testbed queues")
    return meant


def purge(monitor: Any, rows: list[dict[str, Any]], *, ask: bool) -> None:
    """Empty queues, after a question if wanted."""
    from testbed.output import console
    from testbed.output.queues import table

    filled = [one for one in rows if one["waiting"]]
    if not filled:
        console.note("Nothing waits there.")
        return
    console.note(table(filled))
    if ask:
        if not sys.stdin.isatty():
            raise click.UsageError("This drops messages for good. Not on a terminal: add --yes")
        total = sum(one["waiting"] for one in filled)
        if not click.confirm(f"Drop these {total} messages for good?", err=True):
            console.note("Nothing is dropped.")
            return
    for one in filled:
        emptied = monitor.purge_queue(one["queue"])
        console.note(f"{emptied['queue']}: {emptied['messages']} messages are dropped.")
        left = one["waiting"] - emptied["messages"]
        if left > 0:
            console.warn(f"about {left} are left, as it took too long: do it again")
