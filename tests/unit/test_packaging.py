"""Facts of the package that have a second place: version, change log, tags and locks."""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest

from swf_common import __version__
from testbed.project import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PYPROJECT["project"]["optional-dependencies"]


def names(requirements: list[str]) -> set[str]:
    """The normalised names of requirements, without those of this project itself."""
    found = {re.split(r"[^\w.-]", one)[0] for one in requirements}
    return {re.sub(r"[-_.]+", "-", name).lower() for name in found} - {"swf-testbed"}


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("command", PYPROJECT["project"]["dependencies"]),
        ("build", PYPROJECT["build-system"]["requires"]),
        ("dev", [one for extra in EXTRAS.values() for one in extra]),
        *((image, EXTRAS[image]) for image in ("agent", "monitor", "supervisor")),
    ],
)
def test_each_dependency_is_locked(lock: str, wanted: list[str]) -> None:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    locked = names(re.findall(r"^([\w.-]+)(?:\[.*\])?==", text, re.MULTILINE))
    assert names(wanted) - locked == set()


def test_the_change_log_begins_with_this_version() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert next(heading for heading in headings if heading != "Unreleased") == __version__


def test_a_tag_of_this_commit_is_this_version() -> None:
    command = ["git", "-C", str(ROOT), "tag", "--points-at", "HEAD", "v[0-9]*"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("git is not installed")
    if not found.stdout.split():
        pytest.skip("this commit has no tag of a version")
    assert found.stdout.split() == [f"v{__version__}"]
