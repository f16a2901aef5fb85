"""`testbed build`"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from testbed.commands.options import with_session

if TYPE_CHECKING:
    from testbed.stack.session import Session


@click.command()
@click.option("--all", "all_images", is_flag=True, help="Build images that exist, too.")
@with_session
def build(session: Session, all_images: bool) -> None:
    """Build the images that are missing or out of date."""
    from testbed.output import console

    session.initialise()
    if not session.build(all_images=all_images):
        console.note("All images are current.")
