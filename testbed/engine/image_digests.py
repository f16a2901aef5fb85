"""Images are tagged with a digest of what they are built from: an image that exists is current."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from testbed.engine.dockerfiles import Target, read_targets

DIGEST_LENGTH = 12
NAMED_BY_CONTENT = re.compile(rf"testbed/[a-z0-9_-]+:[0-9a-f]{{{DIGEST_LENGTH}}}")
"""The names that the command gives (decision 0002); any other one is somebody's choice."""


def targets(root: Path) -> dict[str, Target]:
    """The images that are built under `images/`: named after their target, or else the folder."""
    return {
        target.name or dockerfile.parent.name: target
        for dockerfile in sorted(root.glob("images/*/Dockerfile"))
        for target in read_targets(dockerfile.read_text())
    }


def context_files(root: Path, target: Target) -> Iterator[Path]:
    """The files that a target is built from."""
    for source in sorted(target.sources):
        path = root / source
        for found in [path] if path.exists() else sorted(root.glob(source)):
            if found.is_dir():
                yield from (
                    file
                    for file in sorted(found.rglob("*"))
                    if file.is_file() and "__pycache__" not in file.parts
                )
            else:
                yield found


def digest(root: Path, target: Target, base_image: str) -> str:
    """The digest of a build: base image, instructions, and each file's path, mode and content."""
    total = hashlib.sha256(f"{base_image}\n{target.text}\n".encode())
    for file in context_files(root, target):
        total.update(f"{file.relative_to(root)} {file.stat().st_mode & 0o111:o}\n".encode())
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()[:DIGEST_LENGTH]


def image_variable(image: str) -> str:
    """The variable of compose.yaml for one of our images."""
    return f"TESTBED_{image.upper()}_IMAGE"


def image_variables(root: Path, base_image: str) -> dict[str, str]:
    """For each of our images, the variable of compose.yaml and the image's name."""
    return {
        image_variable(image): f"testbed/{image}:{digest(root, target, base_image)}"
        for image, target in targets(root).items()
    }
