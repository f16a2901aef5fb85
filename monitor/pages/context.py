"""What every template knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from monitor.access.roles import roles_of
from monitor.pages.access import may_read

MENU = (
    (
        "Now",
        (
            ("overview", "Overview"),
            ("executions", "Executions"),
            ("runs", "Runs"),
            ("stf-files", "STF files"),
            ("agents", "Agents"),
            ("containers", "Containers"),
        ),
    ),
    (
        "Traffic",
        (
            ("messages", "Messages"),
            ("logs", "Logs"),
            ("log-summary", "Log summary"),
            ("dead-letters", "Dead letters"),
        ),
    ),
    (
        "Reference",
        (
            ("definitions", "Definitions"),
            ("admin:index", "Every record"),
            ("swagger-ui", "REST"),
        ),
    ),
)
"""Groups of the menu: names of addresses, with their labels."""


@dataclass(frozen=True)
class Entry:
    """An entry of the menu.

    :param here: the page that is shown stands below it
    """

    label: str
    href: str
    here: bool


def testbed(request: HttpRequest) -> dict[str, Any]:
    """The namespace, the roles of the viewer, and the menu."""
    user = getattr(request, "user", None)
    if user is None:  # a failure before anybody was known
        return {"namespace": settings.TESTBED_NAMESPACE, "roles": [], "may_read": False}
    return {
        "namespace": settings.TESTBED_NAMESPACE,
        "roles": sorted(roles_of(user)),
        "may_read": may_read(user),
        "menu": [
            (group, [_entry(name, label, request.path) for name, label in entries])
            for group, entries in MENU
        ],
    }


def _entry(name: str, label: str, path: str) -> Entry:
    href = reverse(name)
    longer = [other for _, entries in MENU for other, _ in entries]
    here = path == href or (href != "/" and path.startswith(href))
    if here:  # /logs/summary/ stands below /logs/, but has an entry of its own
        here = not any(
            len(reverse(other)) > len(href) and path.startswith(reverse(other)) for other in longer
        )
    return Entry(label, href, here)
