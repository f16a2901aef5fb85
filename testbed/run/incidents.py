"""What happened to a part of the testbed during a run, recovered or not. Pure."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What an incident is."""

    DIED = "died"
    STOPPED = "stopped"
    PAUSED = "paused"
    REMOVED = "removed"
    SILENT = "silent"
    UNREACHABLE = "unreachable"


@dataclass
class Incident:
    """Something that happened to a part of the testbed during a run.

    :param back_at: when the part was back; None while it is not
    :param cause: what was observed, where there is no exit code
    """

    program: str
    kind: Kind
    at: datetime
    container_id: str = ""
    exit_code: int | None = None
    out_of_memory: bool = False
    back_at: datetime | None = None
    cause: str = ""

    @property
    def away_s(self) -> float | None:
        """Seconds until it was back; None when it was not."""
        if self.back_at is None:
            return None
        return round(max(0.0, (self.back_at - self.at).total_seconds()), 3)

    @property
    def signal(self) -> str | None:
        """The signal that ended it, by name."""
        try:
            return signal.Signals((self.exit_code or 0) - 128).name
        except ValueError:
            return None

    @property
    def text(self) -> str:
        """The incident in one sentence."""
        name = f"{self.program} {self.container_id[:12]}".strip()
        how = f" ({', '.join(self._details())})" if self._details() else ""
        return f"{name} {self._verb()}{how} at {self.at:%H:%M:%S} UTC{self._end()}"

    def as_json(self) -> dict[str, Any]:
        """The incident as reports and the monitor keep it."""
        return {
            "program": self.program,
            "container_id": self.container_id or None,
            "kind": str(self.kind),
            "time": self.at.isoformat(),
            "exit_code": self.exit_code,
            "signal": self.signal,
            "out_of_memory": self.out_of_memory,
            "away_s": self.away_s,
            "text": self.text,
        }

    def _details(self) -> list[str]:
        details = ["out of memory"] if self.out_of_memory else []
        details += [self.signal] if self.signal else []
        details += [] if self.exit_code is None else [f"exit code {self.exit_code}"]
        return details + ([self.cause] if self.cause else [])

    def _verb(self) -> str:
        return {
            Kind.DIED: "died",
            Kind.STOPPED: "was stopped",
            Kind.PAUSED: "was paused",
            Kind.REMOVED: "was removed",
            Kind.SILENT: "sent its last heartbeat for a while",
            Kind.UNREACHABLE: "stopped answering",
        }[self.kind]

    def _end(self) -> str:
        if self.away_s is None:
            return "; it was not back when the run ended"
        return f"; back after {self.away_s:.1f} s"
