"""The progress of a run in one line. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from swf_common.protocol.progress import Progress

SHOWN_OPEN = 2
"""Open items that the line of progress names."""


def progress_line(progress: Progress, planned: int = 0, open_now: Iterable[str] = ()) -> str:
    """The progress of a run in one line: its phase, counts as n of N, and what is open at its end.

    :param planned: STFs that the configuration asks for; 0 where it does not say
    """
    stf = progress.stf
    total = progress.total_stf_files or max(planned, stf["generated"])
    made = f"{stf['generated']} of {total}" if total > stf["generated"] else str(stf["generated"])
    further = "".join(f", {one['done']} {name}" for name, one in progress.further.items())
    failed = f", {stf['failed']} failed" if stf["failed"] else ""
    slices = progress.slices
    fast = f"; slices {slices['completed']} of {slices['created']}" if slices["created"] else ""
    line = (
        f"  {progress.phase(open_now)}: STFs {made} generated, "
        f"{stf['registered']} registered, {stf['processed']} processed{further}{failed}{fast}"
    )
    items = list(open_now) if progress.status.final else []
    more = f" and {len(items) - SHOWN_OPEN} more" if len(items) > SHOWN_OPEN else ""
    return line + (f"; open: {', '.join(items[:SHOWN_OPEN])}{more}" if items else "")
