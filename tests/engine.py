"""The docker command as tests use it, beside the testbed's own."""

from __future__ import annotations

import subprocess

from swf_common.protocol.labels import PROJECT_LABEL


def docker(*arguments: str) -> str:
    """What a docker command prints; it fails with what it said."""
    for _ in range(5):
        done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
        if "unable to freeze" not in done.stderr:  # a busy kernel does not always manage at once
            break
    assert done.returncode == 0, f"docker {arguments[0]}: {done.stderr}"
    return done.stdout.strip()


def left_behind(project: str) -> list[str]:
    """Containers, networks and volumes that carry a project's label."""
    found: list[str] = []
    for kind in (["ps", "--all"], ["network", "ls"], ["volume", "ls"]):
        found += docker(*kind, "--quiet", "--filter", f"label={PROJECT_LABEL}={project}").split()
    return found
