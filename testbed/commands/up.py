"""`testbed up`"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from testbed.commands.options import force_option, open_session, set_option, testbed_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from testbed.gate.waiting import Gate
    from testbed.stack.session import Session


@click.command()
@click.option(
    "--timeout", type=click.FloatRange(min=0), metavar="S", help="Seconds to wait at the gate."
)
@click.option("--no-wait", is_flag=True, help="Start, and do not wait until READY.")
@set_option
@force_option
@testbed_options
def up(
    timeout: float | None,
    no_wait: bool,
    force: bool,
    overrides: tuple[str, ...],
    config_file: str,
    namespace: str | None,
    verbose: bool,
) -> None:
    """Start the backend and the enabled agents; wait until every agent has proved READY."""
    from testbed.output import console
    from testbed.stack.orphans import stop_orphaned_agents

    session = open_session(config_file, verbose=verbose, namespace=namespace, overrides=overrides)
    if no_wait:
        with session.lock():
            session.prepare(force=force)
            session.start()
            stop_orphaned_agents(session, spare_a_run=True)
        console.note(f"{session.project.name} starts. See: testbed status")
        return
    _, ready_s = bring_up(session, timeout, force=force)
    console.note(f"{session.project.name} is ready ({ready_s:.1f} s). {session.monitor_url()}")


def bring_up(
    session: Session,
    timeout: float | None = None,
    *,
    force: bool = False,
    started: Callable[[], None] = lambda: None,
) -> tuple[Gate, float]:
    """Start a testbed and wait at its gate; the gate, and the seconds until it opened.

    :param force: also where that disturbs a run in progress
    :param started: called once all is started, before another command may change it
    """
    import time

    from testbed.gate.waiting import Gate
    from testbed.output import console
    from testbed.stack.orphans import stop_orphaned_agents

    with session.lock():
        session.prepare(force=force)
        session.build()
        began = time.monotonic()
        console.note(f"Starting {session.project.name} ...")
        plan = session.start()
        stop_orphaned_agents(session, spare_a_run=True)
        started()
    gate = Gate(
        session.project.namespace, plan, session.containers, session.wait_for_monitor(), timeout
    )
    gate.wait()
    session.wait_for_backend()
    return gate, time.monotonic() - began
