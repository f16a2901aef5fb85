"""Times on pages: UTC as the page is sent; the script shows them in the viewer's zone."""

from __future__ import annotations

from datetime import UTC, datetime

from django import template
from django.utils.html import format_html

register = template.Library()


@register.filter
def moment(value: datetime | None, shown: str = "time") -> str:
    """A `time` element.

    :param shown: "age" lets the script show how long ago it was, "clock" the time of day alone
    """
    if value is None:
        return ""
    utc = value.astimezone(UTC)
    text = f"{utc:%H:%M:%S}" if shown == "clock" else f"{utc:%Y-%m-%d %H:%M:%S}"
    return format_html(
        '<time datetime="{}" title="{} UTC" data-shown="{}">{} UTC</time>',
        utc.isoformat(timespec="milliseconds"),
        f"{utc:%Y-%m-%d %H:%M:%S.%f}"[:-3],
        shown,
        text,
    )
