"""Which method of an agent handles which message type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

Method = TypeVar("Method", bound=Callable[..., None])


@dataclass(frozen=True)
class Route:
    """A handler's method name, and how many messages it takes at once (1: one, not a list)."""

    method: str
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


def routes_of(agent: Any) -> dict[str, Route]:
    """The routes that an agent's class declares, by message type."""
    routes = {}
    for kind in reversed(type(agent).__mro__):  # a method that is overridden keeps its routes
        for name, attribute in vars(kind).items():
            for msg_type, batch in getattr(attribute, "_routes", {}).items():
                routes[msg_type] = Route(name, batch)
    return routes
