"""Writing a heartbeat: one statement that creates the agent's row or changes what it names."""

from __future__ import annotations

import json
from typing import Any

from django.db import connection

from monitor.records.models import SystemAgent
from testbed.protocol.heartbeat import Heartbeat
from testbed.protocol.states import OperationalState

INSERT_DEFAULTS: dict[str, Any] = {
    "agent_type": "other",
    "description": "",
    "status": "UNKNOWN",
    "operational_state": OperationalState.STARTING.value,
    "workflow_enabled": True,
    "current_stf_count": 0,
    "total_stf_processed": 0,
}
"""Columns that must have a value in a new row, where the heartbeat does not give one."""


def store(beat: Heartbeat) -> tuple[SystemAgent, bool]:
    """Store a heartbeat, stamped with the server's time; the agent, and whether it is new."""
    given = beat.model_dump(mode="json", exclude_none=True)
    name = given.pop("instance_name")
    if "metadata" in given:
        given["metadata"] = json.dumps(given["metadata"])
    values = {**INSERT_DEFAULTS, **given}
    columns = ", ".join(values)
    places = ", ".join("%s" for _ in values)
    changes = "".join(f"{column} = EXCLUDED.{column}, " for column in given)
    statement = f"""
        INSERT INTO swf_systemagent
            (instance_name, {columns}, last_heartbeat, created_at, updated_at)
        VALUES (%s, {places}, now(), now(), now())
        ON CONFLICT (instance_name) DO UPDATE SET
            {changes} last_heartbeat = now(), updated_at = now()
        RETURNING *, (xmax = 0) AS is_new
    """
    with connection.cursor() as cursor:
        cursor.execute(statement, [name, *values.values()])
        assert cursor.description is not None
        names = [column.name for column in cursor.description]
        found = dict(zip(names, cursor.fetchone() or (), strict=True))
    is_new = bool(found.pop("is_new"))
    if isinstance(found["metadata"], str):
        found["metadata"] = json.loads(found["metadata"])
    return SystemAgent(**found), is_new
