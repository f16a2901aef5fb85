"""What every template knows."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from monitor.api.roles import roles_of


def testbed(request: HttpRequest) -> dict[str, Any]:
    """The namespace, and the roles of who looks."""
    user = getattr(request, "user", None)
    return {
        "namespace": settings.TESTBED_NAMESPACE,
        "roles": sorted(roles_of(user)) if user is not None else [],
    }
