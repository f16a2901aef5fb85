"""Which method of an agent handles which message type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

Method = TypeVar("Method", bound=Callable[..., None])


@dataclass(frozen=True)
class Handler:
    """A bound handler, and how many messages it takes at once (1: one, not a list)."""

    call: Callable[[Any], None]
    batch: int = 1


def handles(msg_type: str, *, batch: int = 1) -> Callable[[Method], Method]:
    """Mark a method as the handler of a message type.

    :param batch: take up to so many messages that have already arrived, as a list, in their
        order; they are acknowledged together
    """

    def mark(method: Method) -> Method:
        method.__dict__.setdefault("_routes", {})[msg_type] = batch
        return method

    return mark


def handlers_of(agent: Any) -> dict[str, Handler]:
    """The handlers that an agent's class declares, by message type."""
    handlers = {}
    for kind in reversed(type(agent).__mro__):  # a method that is overridden keeps its routes
        for name, attribute in vars(kind).items():
            for msg_type, batch in getattr(attribute, "_routes", {}).items():
                handlers[msg_type] = Handler(getattr(agent, name), batch)
    return handlers
