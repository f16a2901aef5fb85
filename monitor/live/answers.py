"""What is answered to a request before Django that fails: JSON, as in the rest of the interface."""

from __future__ import annotations

from typing import Any

from django.db import Error as DatabaseError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from monitor.access.failures import COME_BACK_S, DATABASE_AWAY, FAILED


async def _refused(request: Request, error: Any) -> Response:
    """The answer to who is not admitted."""
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


async def _database_away(request: Request, error: Exception) -> Response:
    """The answer while the database is away: come back later."""
    return JSONResponse(DATABASE_AWAY, 503, COME_BACK_S)


async def _failed(request: Request, error: Exception) -> Response:
    """The answer to a bug of ours."""
    return JSONResponse(FAILED, 500)


ANSWERS: dict[Any, Any] = {
    HTTPException: _refused,
    DatabaseError: _database_away,
    Exception: _failed,
}
"""By exception, what answers it."""
