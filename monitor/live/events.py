"""Events of the live stream: what they look like, who wants which, and where they stand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, partial
from typing import Any, NamedTuple

KINDS = ("message", "agent", "log")
FILTERS = ("msg_types", "agents", "run_ids", "namespace", "execution_id")
COLUMNS_OF_ALL = {"run_ids": "run_id", "namespace": "namespace", "execution_id": "execution_id"}
FILTER_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "message": {"msg_types": "message_type", "agents": "sender_agent", **COLUMNS_OF_ALL},
    "agent": {"agents": "instance_name", **COLUMNS_OF_ALL},
    "log": {"agents": "instance_name", **COLUMNS_OF_ALL},
}
"""By kind, the column that each filter looks at; a filter without one does not apply."""
PARAMETERS = frozenset({"kinds", *FILTERS})


class BadParameter(ValueError):
    """A parameter of the stream is unknown or malformed.

    :param name: the parameter
    """

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


class Position(NamedTuple):
    """How far the stream has come: the id of the last event of each kind."""

    message: int = 0
    agent: int = 0
    log: int = 0

    def __str__(self) -> str:
        return _mark(self)

    @classmethod
    def parse(cls, text: str) -> Position:
        """The position in an event's `id:`; a plain number is a message's.

        :raises BadParameter: it is not one
        """
        parts = text.strip().split("-")
        if len(parts) not in (1, len(KINDS)) or not all(
            part.isdecimal() and part.isascii() and len(part) < 19 for part in parts
        ):
            raise BadParameter("Last-Event-ID", f"{text[:100]!r} is no id of this stream")
        return cls(*(int(part) for part in parts))

    def of(self, kind: str) -> int:
        """The id of the last event of a kind."""
        known: int = getattr(self, kind)
        return known

    def after(self, kind: str, event_id: int) -> Position:
        """The position once an event of a kind has been seen."""
        return self._replace(**{kind: event_id})


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    :param name: the `event:` of the stream
    :param data: the `data:`, JSON text
    :param facts: what filters look at, by filter; None where it does not apply
    """

    kind: str
    id: int
    name: str
    data: str
    facts: Mapping[str, str | None]

    def frame(self, reached: Iterable[int]) -> str:
        """The event as it goes over the wire.

        :param reached: the position after this event, as ids in the order of `KINDS`
        """
        return f"id: {_mark(reached)}{self._rest}"

    @cached_property
    def _rest(self) -> str:
        """The part of the frame that is the same for every client."""
        return f"\nevent: {self.name}\ndata: {self.data}\n\n"


@dataclass(frozen=True)
class Wanted:
    """What a client wants: kinds, and by filter the values that it accepts (none: all)."""

    kinds: frozenset[str] = frozenset({"message"})
    values: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, parameters: Mapping[str, str]) -> Wanted:
        """What the parameters of a request ask for; each is a list separated by commas.

        :raises BadParameter: one is unknown, or a kind is
        """
        for name, text in parameters.items():
            if name not in PARAMETERS:
                raise BadParameter(name, "There is no such parameter.")
            if "\x00" in text:
                raise BadParameter(name, "The value holds a NUL character.")
        kinds = _words(parameters.get("kinds", "message"))
        for kind in sorted(kinds - set(KINDS)):
            raise BadParameter("kinds", f"{kind!r} is none of {', '.join(KINDS)}.")
        given = {name: _words(parameters[name]) for name in FILTERS if name in parameters}
        return cls(kinds or frozenset({"message"}), {n: v for n, v in given.items() if v})

    @cached_property
    def key(self) -> tuple[frozenset[str], frozenset[tuple[str, frozenset[str]]]]:
        """Something hashable that is equal for clients with the same wishes."""
        return self.kinds, frozenset(self.values.items())

    def accepts(self, event: Event) -> bool:
        """Whether the client wants an event; a filter holds for kinds that have such a fact."""
        if event.kind not in self.kinds:
            return False
        return all(
            name not in event.facts or event.facts[name] in accepted
            for name, accepted in self.values.items()
        )


def _mark(ids: Iterable[int]) -> str:
    return "-".join(map(str, ids))


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip() for word in text.split(",") if word.strip())


def message_event(row: Mapping[str, Any]) -> Event:
    """The event of a recorded message: its whole content, with what the predecessor added."""
    content = _decoded(row["message_content"])
    content["message_id"] = str(row["message_id"])
    content["sender_agent"] = row["sender_agent"]
    content["recipient_agent"] = row["recipient_agent"]
    content["namespace"] = row["namespace"]
    content["queue_name"] = row["queue_name"]
    content["sent_at"] = row["sent_at"].isoformat()
    name = _one_line(row["message_type"])
    return Event("message", row["id"], name, _json(content), _facts("message", row))


def _plain(kind: str, row: Mapping[str, Any]) -> Event:
    """The event of a change of an agent's state, or of a log record."""
    shown = {**row, "extra_data": _decoded(row["extra_data"])} if "extra_data" in row else row
    return Event(kind, row["id"], kind, _json(dict(shown)), _facts(kind, row))


def _facts(kind: str, row: Mapping[str, Any]) -> dict[str, str | None]:
    return {name: row[column] for name, column in FILTER_COLUMNS[kind].items()}


agent_event, log_event = partial(_plain, "agent"), partial(_plain, "log")
EVENT_OF: Mapping[str, Callable[[Mapping[str, Any]], Event]] = {
    "message": message_event,
    "agent": agent_event,
    "log": log_event,
}


def stream_event(name: str, data: Mapping[str, Any], position: Position | None = None) -> str:
    """An event of the stream itself: connected, heartbeat or dropped."""
    mark = "" if position is None else f"id: {position}\n"
    return f"{mark}event: {name}\ndata: {_json(data)}\n\n"


def joined(frames: Iterable[str]) -> bytes:
    """Several frames as one chunk."""
    return "".join(frames).encode()


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _decoded(text: str | None) -> dict[str, Any]:
    """The JSON object in a column; empty where there is none that can be read."""
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {"value": value}


def _json(value: Any) -> str:
    return json.dumps(value, default=_plain_value, separators=(",", ":"))


def _plain_value(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
