"""STF files as the simulated DAQ writes them."""

from __future__ import annotations

from pathlib import Path

from agents.data.frame_file import FrameFile, write
from agents.data.generation import generate
from swf_common.configuration.groups import StfContent


def stf_path(folder: Path, run_id: str, sequence: int) -> Path:
    """Where the STF of a run and sequence number lies below the DAQ exit buffer `folder`."""
    return folder / run_id / f"swf.{run_id}.{sequence:06d}.stf"


def write_stf(folder: Path, run_id: str, sequence: int, settings: StfContent) -> FrameFile:
    """Generate the STF of a run and sequence number, and write it below `folder`.

    :raises VolumeFull: no room; nothing of the file is left behind
    """
    frames = generate(settings, int(run_id), sequence)
    return write(stf_path(folder, run_id, sequence), frames)
