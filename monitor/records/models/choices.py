"""Choices of model fields, taken from the protocol's states."""

from __future__ import annotations

from enum import StrEnum


def choices_of(states: type[StrEnum]) -> list[tuple[str, str]]:
    """A protocol enumeration as choices of a field."""
    return [(state.value, state.value) for state in states]
