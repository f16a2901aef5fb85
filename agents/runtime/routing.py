"""Which method of an agent handles which message type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

Method = TypeVar("Method", bound=Callable[..., None])


@dataclass(frozen=True)
class Handler:
    """A bound handler.

    :param batch: how many messages it takes at once (1: one, not a list)
    :param gather_s: seconds from the beginning of one call to that of the next, at least
    """

    call: Callable[[Any], None]
    batch: int = 1
    gather_s: float = 0.0


def handles(msg_type: str, *, batch: int = 1, gather_s: float = 0.0) -> Callable[[Method], Method]:
    """Mark a method as the handler of a message type.

    :param batch: take up to so many messages that have already arrived, as a list, in their
        order; they are acknowledged together
    :param gather_s: in a burst, begin a call at least so many seconds after the beginning of the
        last one, or when a full batch is there; messages gather meanwhile. It is for handlers
        that cost about the same for one message as for many, such as a request to the monitor.
        The first message after a pause does not wait
    """

    def mark(method: Method) -> Method:
        method.__dict__.setdefault("_routes", {})[msg_type] = (batch, gather_s)
        return method

    return mark


def handlers_of(agent: Any) -> dict[str, Handler]:
    """The handlers that an agent's class declares, by message type."""
    handlers = {}
    for kind in reversed(type(agent).__mro__):  # a method that is overridden keeps its routes
        for name, attribute in vars(kind).items():
            for msg_type, (batch, gather_s) in getattr(attribute, "_routes", {}).items():
                handlers[msg_type] = Handler(getattr(agent, name), batch, gather_s)
    return handlers
