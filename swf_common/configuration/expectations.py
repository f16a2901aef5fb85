"""What `[expect]` asks of a run, beside what was seen. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from swf_common.configuration.model import ExpectSection

AT_MOST = ("within", "stf_failed")
"""Expectations that set a highest value; every other one sets a lowest."""


@dataclass(frozen=True)
class Expectation:
    """One expectation: at least `wanted`; at most for `stf_failed` and `within` (seconds)."""

    name: str
    wanted: float
    seen: float

    @property
    def at_most(self) -> bool:
        return self.name in AT_MOST

    @property
    def ok(self) -> bool:
        return self.seen <= self.wanted if self.at_most else self.seen >= self.wanted

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "wanted": self.wanted, "seen": self.seen, "ok": self.ok}


def judged(
    expect: ExpectSection, stf: Mapping[str, int], duration_s: float | None
) -> list[Expectation]:
    """The expectations that can be judged.

    :param stf: how many STFs reached each stage: generated, registered, processed, failed
    :param duration_s: seconds from the run command to drained; None: `within` is not judged
    """
    seen = {f"stf_{stage}": float(count) for stage, count in stf.items()}
    if duration_s is not None:
        seen["within"] = round(duration_s, 3)
    wanted = expect.model_dump(exclude_none=True)
    return [
        Expectation(name, value, seen[name])
        for name, value in wanted.items()
        if name != "within" or duration_s is not None
    ]
