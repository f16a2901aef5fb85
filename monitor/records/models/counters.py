"""The counters that number runs, agents and executions."""

from __future__ import annotations

from django.db import connection, models

FIRST_RUN_NUMBER = 100_010


class PersistentState(models.Model):
    """One row; its JSON object holds the next value of each counter."""

    state_data = models.JSONField(default=dict)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "swf_persistent_state"

    @classmethod
    def take(cls, counter: str, first: int) -> int:
        """The counter's value, which no other caller gets: one atomic statement."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO swf_persistent_state AS state (id, state_data, updated_at)
                VALUES (1, jsonb_build_object(%(key)s::text, %(first)s::bigint + 1), now())
                ON CONFLICT (id) DO UPDATE SET
                    state_data = state.state_data || jsonb_build_object(
                        %(key)s::text,
                        COALESCE((state.state_data ->> %(key)s)::bigint, %(first)s::bigint) + 1),
                    updated_at = now()
                RETURNING (state_data ->> %(key)s)::bigint - 1
                """,
                {"key": f"next_{counter}", "first": first},
            )
            row = cursor.fetchone()
        assert row is not None
        return int(row[0])
