"""Heartbeats: reading them, and writing many in one statement."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from swf_common.protocol.heartbeat import Heartbeat
from swf_common.protocol.json_text import holds_nul, nested_too_deeply

COLUMNS = {
    "agent_type": ("text", "'other'"),
    "program": ("text", "NULL"),
    "namespace": ("text", "NULL"),
    "container_id": ("text", "NULL"),
    "hostname": ("text", "NULL"),
    "description": ("text", "''"),
    "status": ("text", "'UNKNOWN'"),
    "operational_state": ("text", "'STARTING'"),
    "mq_connected": ("boolean", "NULL"),
    "heartbeat_interval": ("double precision", "NULL"),
    "workflow_enabled": ("boolean", "true"),
    "current_stf_count": ("integer", "0"),
    "total_stf_processed": ("integer", "0"),
    "metadata": ("jsonb", "NULL"),
}
"""What a heartbeat may write: each column's type, and its value in a new row by default."""


LARGEST_BODY = 100_000
"""Bytes of a heartbeat, at most."""


def _statement() -> str:
    names = ", ".join(COLUMNS)
    types = ", ".join(f"{name} {kind}" for name, (kind, _) in COLUMNS.items())
    changes = ", ".join(f"{name} = COALESCE(g.{name}, a.{name})" for name in COLUMNS)
    firsts = ", ".join(f"COALESCE(g.{name}, {first})" for name, (_, first) in COLUMNS.items())
    return f"""
        WITH given AS (
            SELECT * FROM jsonb_to_recordset(%s::jsonb) AS g(instance_name text, {types})
        ), changed AS (
            UPDATE swf_systemagent AS a SET {changes}, last_heartbeat = now(), updated_at = now(),
                last_stf_processed = CASE
                    WHEN g.total_stf_processed > a.total_stf_processed THEN now()
                    ELSE a.last_stf_processed END
            FROM given AS g WHERE a.instance_name = g.instance_name
            RETURNING a.*
        ), added AS (
            INSERT INTO swf_systemagent
                (instance_name, {names}, last_heartbeat, created_at, updated_at)
            SELECT g.instance_name, {firsts}, now(), now(), now() FROM given AS g
            WHERE g.instance_name NOT IN (SELECT instance_name FROM changed)
            ON CONFLICT (instance_name) DO NOTHING
            RETURNING *
        )
        SELECT instance_name, to_jsonb(changed)::text, false FROM changed
        UNION ALL SELECT instance_name, to_jsonb(added)::text, true FROM added
    """


STATEMENT = _statement()
"""Takes a JSON array of heartbeats, of different agents; gives name, agent as JSON, is new.

A field that is null keeps its value. An agent that somebody else is adding at this very moment
is missing from the answer; a second attempt finds it.
"""


class BadHeartbeat(Exception):
    """A heartbeat that is refused.

    :param problems: by field, what is wrong with it
    """

    def __init__(self, problems: dict[str, list[str]]) -> None:
        super().__init__(str(problems))
        self.problems = problems


@dataclass(frozen=True)
class Beat:
    """A heartbeat that may be stored: whose it is, and its fields as JSON text."""

    instance_name: str
    text: str


@dataclass(frozen=True)
class StoredHeartbeat:
    """What came of a heartbeat: the agent as JSON text, and whether it is new."""

    agent: str
    is_new: bool


def read(data: Any) -> Beat:
    """The heartbeat in a decoded body.

    :raises BadHeartbeat: a field is missing, or its value is wrong
    """
    try:
        beat = Heartbeat.model_validate(data)
        return Beat(beat.instance_name, beat.model_dump_json(exclude_none=True))
    except PydanticSerializationError:
        raise BadHeartbeat({"metadata": ["It holds characters that are no text."]}) from None
    except ValidationError as error:
        problems: dict[str, list[str]] = {}
        for problem in error.errors(include_url=False):
            field = str(problem["loc"][0]) if problem["loc"] else "non_field_errors"
            missing = problem["type"] == "missing"
            text = "This field is required." if missing else problem["msg"]
            problems.setdefault(field, []).append(text)
        raise BadHeartbeat(problems) from None


def read_body(body: bytes) -> Beat:
    """The heartbeat in a request's body.

    :raises BadHeartbeat: it is not JSON or very large, or as `read`
    """
    if len(body) > LARGEST_BODY:
        raise BadHeartbeat({"detail": [f"A heartbeat has at most {LARGEST_BODY} bytes."]})
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadHeartbeat({"detail": [f"JSON parse error - {error}"]}) from None
    if holds_nul(body):
        raise BadHeartbeat({"detail": ["The body holds a NUL character (\\u0000)."]})
    if isinstance(data, dict) and nested_too_deeply(data.get("metadata")):
        raise BadHeartbeat({"metadata": ["It is nested too deeply."]})
    return read(data)


def parameters(beats: Sequence[Beat]) -> list[str]:
    """The parameters of `STATEMENT`."""
    return [f"[{','.join(beat.text for beat in beats)}]"]


def store(beat: Beat) -> StoredHeartbeat:
    """Store one heartbeat, stamped with the server's time."""
    while True:
        with connection.cursor() as cursor:
            cursor.execute(STATEMENT, parameters([beat]))
            row = cursor.fetchone()
        if row is not None:
            return StoredHeartbeat(row[1], row[2])
