"""Admission to the endpoints that Starlette answers: host, then key or session, then role.

Django's views ask the same through `monitor.access.roles`; every other endpoint asks here.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from monitor.access.roles import ALL_ROLES, BadToken, RolePermission, key_in
from monitor.live.callers import Caller, Callers, Kind
from swf_common.protocol.states import Role

ANYBODY = Caller("anonymous", frozenset())
"""Who reads without signing in, where that is allowed."""


class Refusal(HTTPException):
    """A request is not admitted.

    :param status_code: of the answer
    """


@dataclass(frozen=True)
class Rules:
    """What an endpoint demands of a caller.

    :param roles: one of these is needed
    :param reading: it only reads: a browser's session opens it too, and nobody has to sign in where
        `TESTBED_ANONYMOUS_READ` is on
    :param remembered: a caller that was looked up within the last seconds may pass without another
        look-up
    :param challenge: the `WWW-Authenticate` of a 401
    :param no_key: what a caller is told who shows nothing
    """

    roles: frozenset[Role] = ALL_ROLES
    reading: bool = False
    remembered: bool = True
    challenge: str = "Token"
    no_key: str = "Authentication credentials were not provided."


class Admission:
    """Decides who may use an endpoint."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers

    async def admit(self, request: HTTPConnection, rules: Rules) -> Caller:
        """The caller, who may use the endpoint.

        :raises Refusal: 421 or 403 for an unknown host or origin, 401 for nobody, 403 for a role
            that is not enough
        :raises django.db.Error: the database is away
        """
        check_host(request.headers.get("host", ""), request.headers.get("origin"))
        try:
            caller = await self.caller(request, rules)
        except BadToken as error:
            challenge = rules.challenge
            if challenge.startswith("Bearer"):  # RFC 6750 wants the reason there
                challenge = f'{challenge}, error="invalid_token"'
            raise Refusal(401, str(error), {"WWW-Authenticate": challenge}) from None
        if caller is not None and caller.roles & rules.roles:
            return caller
        if rules.reading and settings.TESTBED_ANONYMOUS_READ:
            return caller or ANYBODY
        if caller is None:
            raise Refusal(401, rules.no_key, {"WWW-Authenticate": rules.challenge})
        raise Refusal(403, RolePermission.message)

    async def caller(self, request: HTTPConnection, rules: Rules) -> Caller | None:
        """Who asks, whatever the roles; None when nobody is named.

        :raises BadToken: the key opens nothing
        :raises django.db.Error: the database is away
        """
        look_up = self._callers.by if rules.remembered else self._callers.by_now
        key = key_in(request.headers.get("authorization", "").encode("latin-1", "replace"))
        if key is not None:
            return await look_up(Kind.KEY, key)
        session = request.cookies.get(settings.SESSION_COOKIE_NAME) if rules.reading else None
        return await look_up(Kind.SESSION, session) if session else None


def check_host(host: str, origin: str | None) -> None:
    """Refuse a name that is not ours: another site may have made it lead here.

    :raises Refusal: the host or the origin is not served
    """
    if not _is_ours(host):
        raise Refusal(
            421, f"The host {host!r:.100} is not served; add it to TESTBED_ALLOWED_HOSTS."
        )
    if origin is not None and not _is_ours(urlsplit(origin).netloc):
        raise Refusal(403, f"The origin {origin!r:.100} may not call from a browser.")


def _is_ours(host: str) -> bool:
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)
