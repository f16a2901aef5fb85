"""`testbed prune`"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from testbed.commands.options import with_session

if TYPE_CHECKING:
    from testbed.engine.unused_images import Image, Images
    from testbed.stack.session import Session

HEADER = ("IMAGE", "BUILT", "SIZE")


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_session
def prune(session: Session, yes: bool) -> None:
    """Remove images that this checkout built and nothing needs any more.

    Those of today's files stay, and those that a container on this host has. Without a terminal
    it only shows what it would remove, unless --yes is given.
    """
    from testbed.engine.unused_images import DockerImages
    from testbed.output import console

    remove_surplus(session, DockerImages(), yes=yes, ask=console.can_ask())


def remove_surplus(session: Session, images: Images, *, yes: bool, ask: bool) -> list[str]:
    """Print the images that nothing needs, ask if wanted, and remove them; the removed names.

    An image that the engine refuses to remove causes a warning, and does not stop the others.
    """
    from testbed.engine.unused_images import ImageStays
    from testbed.output import console

    surplus = find_surplus(session, images)
    if not surplus:
        console.note("Nothing to remove: every image that was built here is needed.")
        return []
    console.result(console.table(HEADER, [cells(image) for image in surplus]))
    if not yes:
        if not ask:
            console.note(
                f"Nothing was removed. To remove these {len(surplus)}: testbed prune --yes"
            )
            return []
        if not click.confirm(f"Remove these {len(surplus)} images?", err=True):
            console.note("Nothing was removed.")
            return []
    removed = []
    for image in surplus:
        try:
            images.remove(image.name)
        except ImageStays as error:
            console.warn(str(error))
        else:
            removed.append(image.name)
    console.note(f"Removed: {len(removed)} images.")
    return removed


def find_surplus(session: Session, images: Images) -> list[Image]:
    """The images of the session's checkout that nothing needs any more."""
    from pathlib import Path

    from testbed.engine.unused_images import named_in, surplus

    use = images.use()
    root = session.project.root
    needed = {service.image for service in session.services.values()}
    for folder in (root, *map(Path, use.folders)):
        needed |= named_in(folder)
    return surplus(images.built(), use, checkout=root, needed=needed)


def cells(image: Image) -> list[str]:
    """The line of an image."""
    return [
        image.name,
        f"{image.created.astimezone():%Y-%m-%d %H:%M}",
        f"{image.size / 1e6:.0f} MB",
    ]
