"""What the wheel carries beside its packages: the files that `testbed init` lays down."""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TARGET = "testbed/_project"
LAID_DOWN = (
    ".dockerignore",
    ".gitignore",
    "compose.yaml",
    "compose.debug.yaml",
    "testbed.toml",
    "agents",
    "images",
    "monitor",
    "requirements/agent.txt",
    "requirements/monitor.txt",
    "requirements/supervisor.txt",
    "setup/common.sh",
    "setup/engine.sh",
    "supervisor",
    "swf_common",
    "workflows",
)


class ProjectFiles(BuildHookInterface):
    """Adds the files to a wheel; an editable install has the checkout itself."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatch before it builds."""
        if version == "standard":
            build_data["force_include"].update({name: f"{TARGET}/{name}" for name in LAID_DOWN})
