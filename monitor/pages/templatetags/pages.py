"""Addresses of records on pages."""

from __future__ import annotations

from typing import Any

from django import template

from monitor.pages.links import to

register = template.Library()


@register.filter
def page(key: Any, name: str) -> str:
    """The address of the page of a record, or of an action on it; empty when there is none."""
    return to(name, key) or ""
