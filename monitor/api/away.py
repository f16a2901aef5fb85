"""A database that is away makes a request fail with 503: "come back later", not a bug."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse

log = logging.getLogger(__name__)


class DatabaseAwayMiddleware:
    """Turns connection errors of the database into 503 with Retry-After."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, OperationalError | InterfaceError):
            return None
        log.error("%s %s: the database is away: %s", request.method, request.path, error)
        answer = JsonResponse({"detail": "The database is away."}, status=503)
        answer["Retry-After"] = "1"
        return answer
