"""Reading request bodies: free of what the database cannot hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from io import BytesIO
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class CheckedJSONParser(JSONParser):
    """JSON without NUL characters, and nested no deeper than Python reads it."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        content = stream.read()
        if _NUL.search(content):
            raise ParseError("The body holds a NUL character (\\u0000), which cannot be stored.")
        try:
            return super().parse(BytesIO(content), media_type, parser_context)
        except RecursionError:
            raise ParseError("The JSON is nested too deeply.") from None
