"""Reading request bodies: free of what the database cannot or should not hold."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from swf_common.protocol.json_text import holds_long_text, holds_nul, nested_too_deeply

LONGEST_TEXT = 500_000
"""Characters of any text in a body at most: the source of a workflow, say."""


class CheckedJSONParser(JSONParser):
    """JSON without NUL characters, and not nested without end."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        content = stream.read()
        if holds_nul(content):
            raise ParseError("The body holds a NUL character (\\u0000), which cannot be stored.")
        try:
            value = super().parse(BytesIO(content), media_type, parser_context)
        except RecursionError:
            raise ParseError("The JSON is nested too deeply.") from None
        if nested_too_deeply(value):
            raise ParseError("The JSON is nested too deeply.")
        if len(content) > LONGEST_TEXT and holds_long_text(value, LONGEST_TEXT):
            raise ParseError(f"A text in the body has more than {LONGEST_TEXT} characters.")
        return value
