"""The images of a testbed: which are built here, and which are pulled since a user named them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from swf_common.errors import BackendError
from testbed.engine.containers import Containers, PullFailed
from testbed.engine.image_digests import image_variable
from testbed.engine.services import Service, distinct_builds
from testbed.output import console

BASE_IMAGE = "TESTBED_BASE_IMAGE"
OFFICIAL_BASE = "debian:trixie-slim"
MEMO = Path(".testbed") / "base-image"


class NoImage(BackendError):
    """{source} is not on this machine and cannot be pulled: {cause}"""

    hint = (
        "Load it there (docker load), mend its name, or sign in to its registry (docker login). "
        "It is never built here: without that name, the testbed's own image is."
    )


def base_image(root: Path, environment: Mapping[str, str] = os.environ) -> str:
    """The base image's name, without asking for it: it is obtained when something is built."""
    memo = root / MEMO
    remembered = memo.read_text().strip() if memo.exists() else ""
    return environment.get(BASE_IMAGE) or remembered or OFFICIAL_BASE


def obtain_base_image(root: Path) -> str:
    """The base image: the user's, or what images/base/obtain.sh finds, pulls or makes.

    :raises BackendError: there is none; the script has said why
    """
    chosen = os.environ.get(BASE_IMAGE)
    if chosen:
        return chosen
    script = root / "images" / "base" / "obtain.sh"
    answer = subprocess.run([script], stdout=subprocess.PIPE, text=True, check=False)
    if answer.returncode:
        raise BackendError(
            what="The base image of all images could not be obtained",
            hint=f"Name one yourself: {BASE_IMAGE}={OFFICIAL_BASE} testbed build",
        )
    memo = root / MEMO
    memo.parent.mkdir(parents=True, exist_ok=True)
    memo.write_text(answer.stdout.strip())
    return answer.stdout.strip()


def named_by_user(service: Service, environment: Mapping[str, str], own: Iterable[str]) -> bool:
    """Whether a user named a service's image, so that it must not be built or overwritten here.

    :param own: the images that are built for this checkout
    """
    if service.own_image is None:
        return not service.builds  # a build that a user wrote is built as Compose would
    if environment.get(image_variable(service.own_image)) == service.image:
        return service.image not in own
    return not service.image.startswith(f"testbed/{service.own_image}:")


def own_builds(
    services: Mapping[str, Service], environment: Mapping[str, str], own: Iterable[str]
) -> list[Service]:
    """One service for each image that is built here."""
    images = set(own)
    return [
        service
        for service in distinct_builds(services)
        if not named_by_user(service, environment, images)
    ]


def pull_named(
    services: Mapping[str, Service],
    containers: Containers,
    environment: Mapping[str, str],
    own: Iterable[str],
) -> list[str]:
    """Pull the images that a user named and the engine lacks; their names.

    :raises NoImage: one cannot be pulled
    """
    images = set(own)
    wanted = {
        service.image: service
        for service in services.values()
        if service.role and named_by_user(service, environment, images)
    }
    missing = {name: by for name, by in wanted.items() if not containers.image_exists(name)}
    for name, service in missing.items():
        console.note(f"Pulling {name} ...")
        try:
            containers.pull(name)
        except PullFailed as error:
            source = _source(service, environment)
            raise NoImage(source=source, image=name, cause=error.cause) from error
    return list(missing)


def _source(service: Service, environment: Mapping[str, str]) -> str:
    """An image with what named it."""
    variable = image_variable(service.own_image) if service.own_image else ""
    if environment.get(variable) == service.image:
        return f"{variable}={service.image}"
    return f"The image {service.image} of {service.name} in your Compose files"
