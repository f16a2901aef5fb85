"""Reading request bodies: bounded, and free of what the database cannot hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from io import BytesIO
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import JSONParser

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class TooLarge(APIException):
    """413: the body is larger than a request may be."""

    status_code = 413
    default_detail = "The request body is too large."
    default_code = "too_large"


class CheckedJSONParser(JSONParser):
    """JSON of at most `DATA_UPLOAD_MAX_MEMORY_SIZE` bytes and without NUL characters."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        content = stream.read(limit + 1)
        if len(content) > limit:
            raise TooLarge(f"The request body is larger than {limit} bytes.")
        if _NUL.search(content):
            raise ParseError("The body holds a NUL character (\\u0000), which cannot be stored.")
        try:
            return super().parse(BytesIO(content), media_type, parser_context)
        except RecursionError:
            raise ParseError("The JSON is nested too deeply.") from None
