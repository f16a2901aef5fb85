"""Choices of model fields, taken from the protocol's states."""

from __future__ import annotations

from enum import StrEnum

from django.db.models import CheckConstraint, Q


def choices_of(states: type[StrEnum]) -> list[tuple[str, str]]:
    """A protocol enumeration as choices of a field."""
    return [(state.value, state.value) for state in states]


def one_of(field: str, states: type[StrEnum], name: str) -> CheckConstraint:
    """The database's own check that a field holds one of the states."""
    values = sorted(state.value for state in states)
    return CheckConstraint(condition=Q(**{f"{field}__in": values}), name=name)
