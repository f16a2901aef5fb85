"""Failures that are not the view's: a database that is away or refuses, a body too large, and
those of who carries out a command.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.db.models import ProtectedError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import get_template
from django.utils.deprecation import MiddlewareMixin
from django.views.defaults import page_not_found, server_error
from psycopg import errors
from rest_framework import status
from rest_framework.response import Response
from rest_framework.views import exception_handler

from monitor.control.commands import NoAnswer, Refused, Unanswered

log = logging.getLogger(__name__)

API = "/api/"
DATABASE_AWAY = {"detail": "The database is away."}
COME_BACK_S = {"Retry-After": "1"}
FAILED = {"detail": "The monitor failed; its log says why."}
TOO_LARGE = {"detail": "The request body is too large."}


class FailureMiddleware(MiddlewareMixin):
    """Turns connection errors of the database into 503 ("come back later", not a bug), and
    bodies over `DATA_UPLOAD_MAX_MEMORY_SIZE` into 413.
    """

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, RequestDataTooBig):
            return JsonResponse(TOO_LARGE, status=413)
        if isinstance(error, OperationalError | InterfaceError):
            log.error("%s %s: the database is away: %s", request.method, request.path, error)
            if request.path.startswith(API):
                return JsonResponse(DATABASE_AWAY, status=503, headers=COME_BACK_S)
            # without a context, which would ask the database who looks
            page = get_template("pages/away.html").render()
            return HttpResponse(page, status=503, headers=COME_BACK_S)
        return None


def refused(error: Exception, context: dict[str, Any]) -> Response | None:
    """The answer to an exception in a view: what the database refuses is the client's mistake."""
    if isinstance(error, ProtectedError):
        names = sorted({str(one._meta.verbose_name) for one in error.protected_objects})
        detail = f"It cannot be deleted while it is used by: {', '.join(names)}."
        return Response({"detail": detail}, status=status.HTTP_409_CONFLICT)
    if isinstance(error, IntegrityError):
        return _refused_by_constraint(error)
    if isinstance(error, DataError):
        reason = first_line(error.__cause__ or error)
        answer = {"non_field_errors": [f"A value cannot be stored: {reason}"]}
        return Response(answer, status=status.HTTP_400_BAD_REQUEST)
    return exception_handler(error, context)


def first_line(error: BaseException) -> str:
    """What an error of the database says, without its context."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def answered(action: Callable[[], Any], done: int) -> Response:
    """The answer to an action that somebody else carries out: what it gives, or why it failed.

    :param done: the status when it succeeded
    """
    try:
        return Response(action(), status=done)
    except (NoAnswer, Refused) as error:
        command = {"message_id": error.message_id} if isinstance(error, Unanswered) else {}
        return Response({"detail": str(error), **command}, status=error.status)


def _refused_by_constraint(error: IntegrityError) -> Response:
    cause = error.__cause__
    diagnosis: Any = getattr(cause, "diag", None)
    reason = getattr(diagnosis, "message_primary", None) or "A constraint forbids it."
    if isinstance(cause, errors.ForeignKeyViolation):
        return Response({"detail": reason}, status=status.HTTP_409_CONFLICT)
    if isinstance(cause, errors.UniqueViolation):
        reason = f"A record with these values already exists: {diagnosis.message_detail}"
    return Response({"non_field_errors": [reason]}, status=status.HTTP_400_BAD_REQUEST)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The answer to an address that there is not: JSON for programs, a page for people."""
    if request.path.startswith(API):
        return JsonResponse({"detail": "There is nothing at this address."}, status=404)
    return page_not_found(request, exception)


def failed(request: HttpRequest) -> HttpResponse:
    """The answer to a bug of ours."""
    if request.path.startswith(API):
        return JsonResponse(FAILED, status=500)
    return server_error(request)
