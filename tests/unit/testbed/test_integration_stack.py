"""A stack of one's own, as far as it needs no engine."""

from __future__ import annotations

from pathlib import Path

from testbed.integration import TestbedStack
from tests.unit.testbed.testbed_files import Files


def test_paths_may_be_texts(files: Files) -> None:
    files.testbed(
        '[testbed]\nnamespace = "torre7"\n'
        '[workflow]\nname = "stf_datataking"\nconfig = "fast_processing_default"\n'
    )
    stack = TestbedStack("testbed.toml", artifacts="kept", namespace="torre8")
    assert stack.config_file == Path("testbed.toml")
    assert stack.artifacts == Path("kept")
    assert stack.session.configuration.workflow.config == "fast_processing_default"
