"""Who may do what: viewer reads, agent writes what agents write, operator also commands and
edits, an administrator alone deletes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from monitor.access.people import GROUP_ROLES, SERVICE_ACCOUNTS
from monitor.records.models import ApiToken
from monitor.records.models.tokens import digest_of
from swf_common.protocol.states import Role
from swf_common.protocol.users import USER_HEADER, USER_PATTERN

VIEWER, AGENT, OPERATOR, ADMINISTRATOR = (
    Role.VIEWER,
    Role.AGENT,
    Role.OPERATOR,
    Role.ADMINISTRATOR,
)
ALL_ROLES = frozenset(Role)
REMEMBERED_S = 5.0
"""Seconds for which a key that was looked up is remembered: a revoked one works for that long."""
REMEMBERED_TOKENS = 1000
"""Tokens that are remembered at once, at most."""
SCHEMES = (b"token", b"bearer")
"""Schemes of the `Authorization` header that carry a key."""


class BadToken(Exception):
    """The key in a request opens nothing; the message says why."""


def roles_of(user: Any, token: Any = None) -> frozenset[Role]:
    """The roles of a request: those of its user, or what its token has of them. Every role may
    read, so also by a viewer's token.

    :param token: the `ApiToken` that the request carries
    """
    if isinstance(user, AnonymousUser) or not user.is_active:
        return frozenset()
    own = ALL_ROLES if user.is_superuser else _roles_by_groups(user)
    if token is None:
        return own
    if token.role == ADMINISTRATOR:
        return own
    return (own | {VIEWER} if own else own) & {Role(token.role)}


def _roles_by_groups(user: Any) -> frozenset[Role]:
    """The roles that a user's groups are, looked up once a request."""
    known: frozenset[Role] | None = getattr(user, "_testbed_roles", None)
    if known is None:
        known = _roles_named(user.groups.values_list("name", flat=True))
        user._testbed_roles = known
    return known


def _roles_named(groups: Iterable[str]) -> frozenset[Role]:
    names = set(groups)
    return frozenset(role for role in GROUP_ROLES if role in names)


def key_in(header: bytes) -> str | None:
    """The key in an `Authorization` header; None when it carries something else.

    :raises BadToken: a scheme of ours without a key, or with more than one
    """
    scheme, *rest = header.split() or [b""]
    if scheme.lower() not in SCHEMES:
        return None
    if len(rest) != 1:
        raise BadToken("The Authorization header has to be: Token <key>")
    return rest[0].decode("latin-1")


def token_of(key: str) -> ApiToken:
    """The valid token with that key, with its user and the user's roles: one query.

    :raises BadToken: there is none
    """
    groups = Group.objects.filter(user=OuterRef("user")).values("name")
    tokens = ApiToken.objects.select_related("user").annotate(groups=ArraySubquery(groups))
    token = tokens.filter(digest=digest_of(key)).first()
    if token is None:
        raise BadToken("Invalid token.")
    if token.expired:
        raise BadToken("The token has expired.")
    if not token.user.is_active:
        raise BadToken("The token's user is not active.")
    token.user._testbed_roles = _roles_named(token.groups)
    if not roles_of(token.user, token):
        raise BadToken(f"The token's user does not have its role, {token.role}.")
    return token


class RecentTokens:
    """Tokens of agents that were looked up lately. Agents ask often, and looking a token up takes
    half of the time of a small request. A person's token is looked up each time, so that it is
    refused as soon as it is revoked.

    :param look_up: finds the valid token with a key, or raises BadToken
    :param clock: in seconds
    """

    def __init__(
        self,
        look_up: Callable[[str], ApiToken] = token_of,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look_up = look_up
        self._clock = clock
        self._known: dict[str, tuple[float, ApiToken]] = {}

    def token_of(self, key: str) -> ApiToken:
        """The valid token with that key, noted as used. The token of an agent is found for up to
        `REMEMBERED_S` seconds after it was revoked.

        :raises BadToken: there is none
        """
        since, token = self._known.get(key, (0.0, None))
        if token is not None and self._clock() - since < REMEMBERED_S and not token.expired:
            return token
        self._known.pop(key, None)
        token = self._look_up(key)
        token.used()
        if token.role == AGENT:
            if len(self._known) >= REMEMBERED_TOKENS:
                self._known.clear()
            self._known[key] = (self._clock(), token)
        return token


recent_tokens = RecentTokens()


def asker(request: Request) -> str:
    """Who asks for an action, for the logs: the user, and for whom a service account is used, as
    the holder of its token says.
    """
    user = str(request.user)
    person = request.headers.get(USER_HEADER, "")
    if user in SERVICE_ACCOUNTS.values() and re.fullmatch(USER_PATTERN, person):
        return f"{person} ({user})"
    return user


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Token <key>`, or `Bearer <key>`."""

    def authenticate(self, request: Request) -> tuple[AbstractBaseUser, ApiToken] | None:
        try:
            key = key_in(get_authorization_header(request))
            if key is None:
                return None
            token = recent_tokens.token_of(key)
        except BadToken as error:
            raise AuthenticationFailed(str(error)) from None
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Token"


class RolePermission(BasePermission):
    """Allows by role and method; a view's `write_roles` are the roles that may write."""

    message = "Your role does not allow this."

    def has_permission(self, request: Request, view: Any) -> bool:
        roles = roles_of(request.user, request.auth)
        if request.method in SAFE_METHODS:
            return bool(roles) or settings.TESTBED_ANONYMOUS_READ
        if request.method == "DELETE":
            return ADMINISTRATOR in roles
        allowed = getattr(view, "write_roles", frozenset({AGENT, OPERATOR}))
        return bool(roles & allowed) or ADMINISTRATOR in roles
