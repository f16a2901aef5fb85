"""Who may do what: viewer reads, agent writes what agents write, operator also commands and
edits, an administrator alone deletes.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import TokenAuthentication
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

VIEWER = "viewer"
AGENT = "agent"
OPERATOR = "operator"
ADMINISTRATOR = "administrator"
ROLES = (VIEWER, AGENT, OPERATOR)
"""Roles that are groups of users; administrators are Django's superusers."""


def roles_of(user: Any) -> frozenset[str]:
    """The roles of a user; empty for an anonymous visitor."""
    if isinstance(user, AnonymousUser) or not user.is_active:
        return frozenset()
    if user.is_superuser:
        return frozenset({*ROLES, ADMINISTRATOR})
    known: frozenset[str] | None = getattr(user, "_testbed_roles", None)
    if known is None:
        known = frozenset(user.groups.values_list("name", flat=True))
        user._testbed_roles = known
    return known


class RoleTokenAuthentication(TokenAuthentication):
    """`Authorization: Token <key>`; the user's groups come with the token's query."""

    def authenticate_credentials(self, key: str) -> Any:
        user, token = super().authenticate_credentials(key)
        roles_of(user)
        return user, token


class RolePermission(BasePermission):
    """Allows by role and method; a view's `write_roles` are the roles that may write."""

    message = "Your role does not allow this."

    def has_permission(self, request: Request, view: Any) -> bool:
        roles = roles_of(request.user)
        if request.method in SAFE_METHODS:
            return bool(roles) or settings.TESTBED_ANONYMOUS_READ
        if request.method == "DELETE":
            return ADMINISTRATOR in roles
        allowed = getattr(view, "write_roles", frozenset({AGENT, OPERATOR}))
        return bool(roles & allowed) or ADMINISTRATOR in roles
