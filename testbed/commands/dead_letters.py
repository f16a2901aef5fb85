"""`testbed dead-letters`"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from testbed.commands.options import with_session

if TYPE_CHECKING:
    from testbed.monitor_client.queues import QueueMonitor
    from testbed.stack.session import Session

VERBS = ("list", "show", "retry", "discard")
DONE = {"retry": "sent again to", "discard": "discarded; it was meant for"}


@click.command("dead-letters")
@click.argument("verb", type=click.Choice(VERBS), default="list", metavar=f"[{'|'.join(VERBS)}]")
@click.argument("letters", nargs=-1, type=click.IntRange(min=1), metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="Every open letter; of a list, all.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_session
def dead_letters(
    session: Session, verb: str, letters: tuple[int, ...], everything: bool, as_json: bool
) -> None:
    """List messages that no agent could handle; show, retry or discard them.

    `retry` sends a letter once more to the queue that refused it. `discard` lays it aside: it
    stays in the records.
    """
    check_usage(verb, letters, everything=everything, as_json=as_json)
    monitor = session.monitor()
    if verb == "list":
        show_list(monitor, session.project.namespace, everything=everything, as_json=as_json)
    elif verb == "show":
        show(monitor, letters, as_json=as_json)
    else:
        numbers = [one["id"] for one in monitor.letters(resolution="open")] if everything else []
        settle(monitor, verb, [*letters, *numbers])


def check_usage(verb: str, letters: tuple[int, ...], *, everything: bool, as_json: bool) -> None:
    """Refuse arguments that do not go together, before anything is done."""
    if verb == "list" and letters:
        raise click.UsageError("A list takes no ID: testbed dead-letters show ID")
    if verb == "show" and (everything or not letters):
        raise click.UsageError("Say which letter: testbed dead-letters show ID")
    if verb in DONE and bool(letters) == everything:
        raise click.UsageError(f"Say which letters: testbed dead-letters {verb} ID... or --all")
    if verb in DONE and as_json:
        raise click.UsageError("--json goes with list and show")


def show_list(monitor: QueueMonitor, namespace: str, *, everything: bool, as_json: bool) -> None:
    """Print the open letters, or all."""
    from testbed.output import console
    from testbed.output.dead_letters import table

    letters = monitor.letters(resolution=None if everything else "open")
    if as_json:
        console.result(json.dumps(letters, indent=2))
    elif letters:
        console.result(table(namespace, letters))
    else:
        console.note("No dead letters." if everything else "No open dead letters.")


def show(monitor: QueueMonitor, numbers: tuple[int, ...], *, as_json: bool) -> None:
    """Print all facts about letters."""
    from testbed.output import console
    from testbed.output.dead_letters import lines

    letters: list[dict[str, Any]] = [monitor.letter(number) for number in numbers]
    if as_json:
        console.result(json.dumps(letters[0] if len(letters) == 1 else letters, indent=2))
    else:
        console.result("\n\n".join("\n".join(lines(one)) for one in letters))


def settle(monitor: QueueMonitor, verb: str, numbers: list[int]) -> None:
    """Retry or discard letters, one after the other; a failure does not stop the others.

    :raises NotDone: the first failure
    """
    from testbed.monitor_client.errors import NotDone
    from testbed.output import console

    failed: list[NotDone] = []
    if not numbers:
        console.note("No open dead letters.")
    for number in numbers:
        try:
            letter = monitor.settle_letter(verb, number)
        except NotDone as error:
            failed.append(error)
            console.warn(str(error))
        else:
            console.note(f"Dead letter {number} is {DONE[verb]} {letter['destination']}.")
    if failed:
        raise failed[0]
