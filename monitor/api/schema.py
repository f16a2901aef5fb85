"""The OpenAPI description: what every operation may answer beside its success."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework.permissions import SAFE_METHODS

REFUSALS = {
    "400": "A parameter or field is wrong; the answer names it.",
    "401": "No token, or one that opens nothing.",
    "403": "The role does not allow this.",
    "404": "There is no such record.",
    "405": "The address does not take this method.",
    "406": "Answers are JSON only.",
    "409": "It contradicts what is recorded; `detail` says how.",
    "413": "The body is too large.",
    "415": "Bodies are JSON only.",
    "503": "The database, the broker or an agent is away; come back later.",
    "504": "A command was sent and not answered; it may be carried out.",
}
BODY_REFUSALS = frozenset({"409", "413", "415", "504"})


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema names our tokens."""

    target_class = "monitor.access.roles.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Token <key>` or `Bearer <key>`",
        }


class DescribedSchema(AutoSchema):
    """Adds the refusals to every operation."""

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        writes = self.method not in SAFE_METHODS
        for code, text in REFUSALS.items():
            if writes or code not in BODY_REFUSALS:
                bodies.setdefault(code, _refusal(text))
        return bodies


def without_useless_choices(result: Any, **_: Any) -> Any:
    """A hook: "anything or null" is anything, else null would match twice."""
    if isinstance(result, dict):
        if {} in result.get("oneOf", ()):
            del result["oneOf"]
        for value in result.values():
            without_useless_choices(value)
    elif isinstance(result, list):
        for value in result:
            without_useless_choices(value)
    return result


def _refusal(text: str) -> dict[str, Any]:
    schema = {"oneOf": [{"type": "object"}, {"type": "array"}]}
    return {"description": text, "content": {"application/json": {"schema": schema}}}
