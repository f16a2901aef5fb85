"""`testbed logs`"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from testbed.commands.options import with_session

if TYPE_CHECKING:
    from testbed.stack.session import Session


class Moment(click.ParamType[str]):
    """A time as `moments` reads it; Compose gets it as an ISO time."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from datetime import UTC, datetime

        from testbed.commands.moments import parse_moment

        try:
            moment = parse_moment(value, datetime.now().astimezone())
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


class Tail(click.ParamType[str]):
    """A number of lines, or all of them."""

    name = "lines"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not value.isdecimal() and value != "all":
            self.fail(f"'{value}' is neither a number of lines nor all", param, ctx)
        return value


@click.command()
@click.argument("programs", nargs=-1, metavar="[PROGRAM]...")
@click.option("-f", "--follow", is_flag=True, help="Go on as lines come.")
@click.option(
    "--since", type=Moment(), metavar="TIME", help="An age (10m), yesterday, 14:30, a date."
)
@click.option("--tail", type=Tail(), metavar="N", help="Only the last N lines of each.")
@with_session
def logs(
    session: Session, programs: tuple[str, ...], follow: bool, since: str | None, tail: str | None
) -> None:
    """Show the logs of programs, or of all."""
    for program in programs:
        session.demand_service(program)
    demand_containers(session, programs)
    session.compose.logs(programs, follow=follow, since=since, tail=tail)


def demand_containers(session: Session, programs: tuple[str, ...]) -> None:
    """Refuse where no container has a log to show; a stopped container has one.

    :raises TestbedDown: there is no container
    """
    from testbed.monitor_client.errors import TestbedDown

    present = {container.program for container in session.containers.all()}
    if not present.intersection(programs or present):
        raise TestbedDown(
            project=session.project.name,
            cause="there is no container" + (f" of {', '.join(programs)}" if programs else ""),
        )
