"""The counters that number runs, agents and executions."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection, models


@dataclass(frozen=True)
class Counter:
    """A counter and the keys under which the state holds it.

    :param key: `next_<key>` is what the next caller gets, `last_<key>` what the last one got
    :param time_key: when that was
    """

    key: str
    time_key: str
    first: int = 1


RUN_NUMBER = Counter("run_number", "last_run_start_time", first=100_010)
AGENT_ID = Counter("agent_id", "last_agent_registration_time")
EXECUTION_SEQUENCE = Counter("workflow_execution_id", "last_workflow_execution_time")


class PersistentState(models.Model):
    """One row; its JSON object holds the next value of each counter."""

    state_data = models.JSONField(default=dict)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "swf_persistent_state"
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="one_persistent_state")
        ]

    @classmethod
    def take(cls, counter: Counter) -> int:
        """The counter's value, which no other caller gets: one atomic statement."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO swf_persistent_state AS state (id, state_data, updated_at)
                VALUES (1, jsonb_build_object(
                    %(next)s::text, %(first)s::bigint + 1,
                    %(last)s::text, %(first)s::bigint,
                    %(time)s::text, now()), now())
                ON CONFLICT (id) DO UPDATE SET
                    state_data = state.state_data || jsonb_build_object(
                        %(next)s::text,
                        COALESCE((state.state_data ->> %(next)s)::bigint, %(first)s::bigint) + 1,
                        %(last)s::text,
                        COALESCE((state.state_data ->> %(next)s)::bigint, %(first)s::bigint),
                        %(time)s::text, now()),
                    updated_at = now()
                RETURNING (state_data ->> %(last)s)::bigint
                """,
                {
                    "next": f"next_{counter.key}",
                    "last": f"last_{counter.key}",
                    "time": counter.time_key,
                    "first": counter.first,
                },
            )
            row = cursor.fetchone()
        assert row is not None
        return int(row[0])
