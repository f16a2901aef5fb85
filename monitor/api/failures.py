"""Failures that are not the view's: a database that is away, a body that is too large."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse

log = logging.getLogger(__name__)


class FailureMiddleware:
    """Turns connection errors of the database into 503 ("come back later", not a bug), and
    bodies over `DATA_UPLOAD_MAX_MEMORY_SIZE` into 413.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, RequestDataTooBig):
            return JsonResponse({"detail": "The request body is too large."}, status=413)
        if isinstance(error, OperationalError | InterfaceError):
            log.error("%s %s: the database is away: %s", request.method, request.path, error)
            detail = {"detail": "The database is away."}
            return JsonResponse(detail, status=503, headers={"Retry-After": "1"})
        return None
