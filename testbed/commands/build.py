"""`testbed build`"""

from __future__ import annotations

import click

from testbed.commands.options import open_session, testbed_options


@click.command()
@click.option("--all", "all_images", is_flag=True, help="Build images that exist, too.")
@testbed_options
def build(all_images: bool, config_file: str, namespace: str | None, verbose: bool) -> None:
    """Build the images that are missing or out of date."""
    from testbed.output import console

    session = open_session(config_file, verbose=verbose, namespace=namespace)
    session.initialise()
    if not session.build(all_images=all_images):
        console.note("All images are current.")
