"""Images are tagged with a digest of what they are built from: an image that exists is current."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

DIGEST_LENGTH = 12
NAMED_BY_CONTENT = re.compile(rf"testbed/[a-z0-9_-]+:[0-9a-f]{{{DIGEST_LENGTH}}}")
"""The names that the command gives (decision 0002); any other one is somebody's choice."""


def context_files(root: Path, dockerfile: Path) -> Iterator[Path]:
    """The files that a build can see: the allow-list in `<dockerfile>.dockerignore`."""
    ignore = root / f"{dockerfile}.dockerignore"
    allowed = [
        line.removeprefix("!").strip()
        for line in ignore.read_text().splitlines()
        if line.startswith("!")
    ]
    for entry in sorted({*allowed, str(dockerfile)}):
        path = root / entry
        if path.is_dir():
            yield from (
                file
                for file in sorted(path.rglob("*"))
                if file.is_file() and "__pycache__" not in file.parts
            )
        else:
            yield path


def digest(root: Path, dockerfile: Path, base_image: str) -> str:
    """The digest of a build: base image, and each file's path, mode and content."""
    total = hashlib.sha256(base_image.encode())
    for file in context_files(root, dockerfile):
        total.update(f"{file.relative_to(root)} {file.stat().st_mode & 0o111:o}\n".encode())
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()[:DIGEST_LENGTH]


def image_variable(folder: str) -> str:
    """The variable of compose.yaml for the image of a folder under `images/`."""
    return f"TESTBED_{folder.upper()}_IMAGE"


def image_variables(root: Path, base_image: str) -> dict[str, str]:
    """For each image under `images/`, the variable of compose.yaml and the image's name."""
    return {
        image_variable(dockerfile.parent.name): f"testbed/{dockerfile.parent.name}:"
        + digest(root, dockerfile.relative_to(root), base_image)
        for dockerfile in sorted(root.glob("images/*/Dockerfile"))
    }
