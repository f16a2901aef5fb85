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
    expect: ExpectSection, progress: Mapping[str, Any], duration_s: float | None
) -> list[Expectation]:
    """The expectations that can be judged.

    :param progress: with `stf` {generated, registered, processed, failed} and `stages`
    :param duration_s: seconds from the run command to drained; None: `within` is not judged
    """
    seen = {f"stf_{stage}": float(count) for stage, count in progress["stf"].items()}
    wanted = expect.given()
    for stage, count in wanted.pop("stages", {}).items():
        wanted[f"stages.{stage}"] = count
        seen[f"stages.{stage}"] = float(progress["stages"].get(stage, {}).get("done", 0))
    if duration_s is not None:
        seen["within"] = round(duration_s, 3)
    return [
        Expectation(name, value, seen[name])
        for name, value in wanted.items()
        if name != "within" or duration_s is not None
    ]
