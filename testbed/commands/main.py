"""`testbed`: the command line, and how it ends (docs/command.md)."""

from __future__ import annotations

import signal
import sys
from typing import Any

import click

from swf_common import __version__
from swf_common.errors import ExitCode, TestbedError
from testbed.commands.agents import agents
from testbed.commands.build import build
from testbed.commands.config import config
from testbed.commands.dead_letters import dead_letters
from testbed.commands.doctor import doctor
from testbed.commands.down import down
from testbed.commands.init import init
from testbed.commands.logs import logs
from testbed.commands.ls import ls
from testbed.commands.mcp import mcp
from testbed.commands.open import open_monitor
from testbed.commands.prune import prune
from testbed.commands.queues import queues
from testbed.commands.report import report
from testbed.commands.run import run
from testbed.commands.runs import runs
from testbed.commands.status import status
from testbed.commands.stop import stop
from testbed.commands.stop_agents import stop_agents
from testbed.commands.token import token
from testbed.commands.up import up


class Group(click.Group):
    """A group whose list of commands wraps: a sentence that is cut says little."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [
            (name, self.commands[name].get_short_help_str(limit=1000))
            for name in self.list_commands(ctx)
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="testbed")
def cli() -> None:
    """The ePIC streaming-workflow testbed as one Docker Compose project.

    `testbed run` does it all: backend, agents, gate, workflow, report.
    """


for command in (
    init,
    build,
    up,
    run,
    report,
    runs,
    status,
    open_monitor,
    stop,
    agents,
    stop_agents,
    logs,
    queues,
    dead_letters,
    config,
    token,
    mcp,
    ls,
    doctor,
    down,
    prune,
):
    cli.add_command(command)


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Run the command line. A `TestbedError` is the user's to solve; all else is a bug.

    Ctrl+C works also where the command was started with SIGINT ignored, as a shell without job
    control does for background jobs: Python leaves that as it is, and children inherit it.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        sys.exit(cli.main(standalone_mode=False))
    except TestbedError as error:
        from testbed.output import console

        console.note(f"{console.coloured('Error:', '31')} {error}")
        if error.hint:
            console.note(error.hint)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(ExitCode.CONFIGURATION)
    except (click.Abort, KeyboardInterrupt):
        sys.stderr.write("Interrupted. The containers are still running. See: testbed status\n")
        sys.exit(ExitCode.INTERRUPTED)


if __name__ == "__main__":
    main()
