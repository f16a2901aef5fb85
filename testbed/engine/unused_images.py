"""The images that a checkout has built, and which of them nothing needs any more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from swf_common.errors import BackendError
from swf_common.protocol.labels import CHECKOUT_LABEL, FOLDER_LABEL
from testbed.engine.docker_containers import connect
from testbed.engine.image_digests import NAMED_BY_CONTENT

CHECKOUT = "TESTBED_CHECKOUT"
"""The variable of compose.yaml that gives it."""


class ImageStays(BackendError):
    """The image {name} could not be removed: {cause}"""


@dataclass(frozen=True)
class Image:
    """An image with one of its names.

    :param size: bytes, with layers that other images have too
    """

    name: str
    image_id: str
    checkout: str
    created: datetime
    size: int


@dataclass(frozen=True)
class Use:
    """What the containers of the host use, running or not, of whichever project.

    :param images: names and ids of their images
    :param folders: the Compose projects' folders
    """

    images: frozenset[str]
    folders: frozenset[str]


class Images(Protocol):
    """What the command asks of the engine about images."""

    def built(self) -> list[Image]:
        """Every name of the images that a checkout has built."""

    def use(self) -> Use:
        """What is in use."""

    def remove(self, name: str) -> None:
        """Remove a name, and with its last name the image.

        :raises ImageStays: the engine refuses
        """


class DockerImages:
    """The engine that the docker command line uses too."""

    def __init__(self) -> None:
        self._client = connect()

    def built(self) -> list[Image]:
        with _engine_errors("list"):
            images = self._client.api.images(filters={"label": CHECKOUT_LABEL})
        return [
            Image(
                name=name,
                image_id=one["Id"],
                checkout=one["Labels"][CHECKOUT_LABEL],
                created=datetime.fromtimestamp(one["Created"], UTC),
                size=one["Size"],
            )
            for one in images
            for name in one["RepoTags"] or ()
        ]

    def use(self) -> Use:
        with _engine_errors("list"):
            containers: list[Any] = self._client.api.containers(all=True)
        return Use(
            images=frozenset(one[key] for one in containers for key in ("Image", "ImageID")),
            folders=frozenset(
                one["Labels"][FOLDER_LABEL] for one in containers if FOLDER_LABEL in one["Labels"]
            ),
        )

    def remove(self, name: str) -> None:
        with _engine_errors(name):
            self._client.api.remove_image(name)


def surplus(
    built: Iterable[Image], use: Use, *, checkout: Path, needed: Iterable[str]
) -> list[Image]:
    """The images that a checkout has built and nothing needs any more, the oldest first.

    :param needed: names that stay: those of today's files, and those that variables name
    """
    kept = {*needed, *use.images}
    return sorted(
        (
            image
            for image in built
            if image.checkout == str(checkout)
            and NAMED_BY_CONTENT.fullmatch(image.name)
            and not kept & {image.name, image.image_id}
        ),
        key=lambda image: image.created,
    )


def named_in(folder: Path) -> set[str]:
    """The images that the .env of a checkout names."""
    try:
        lines = (folder / ".env").read_text(errors="replace").splitlines()
    except OSError:
        return set()
    pairs = (line.partition("=") for line in lines)
    return {
        value.strip()
        for name, _, value in pairs
        if name.strip().startswith("TESTBED_") and name.strip().endswith("_IMAGE")
    }


@contextmanager
def _engine_errors(name: str) -> Iterator[None]:
    from docker.errors import DockerException
    from requests import RequestException

    try:
        yield
    except (DockerException, RequestException) as error:
        raise ImageStays(name=name, cause=error) from error
