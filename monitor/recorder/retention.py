"""Removing records that are older than the settings allow, table by table (decision 0024)."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from django.conf import settings
from django.core.management import call_command
from django.db import connection

from monitor.records.models.workflows import FINAL_STATUSES
from swf_common.protocol.states import OperationalState

log = logging.getLogger(__name__)

INTERVAL_S = 600.0
BUSY_S = 0.5
"""Seconds of one look: then others get a turn, and the next second goes on."""
PAGE = 5_000
"""Records that one statement removes: the database is never busy with it for long."""

LOGS = "TESTBED_LOG_RETENTION_DAYS"
AGENTS = "TESTBED_AGENT_RETENTION_DAYS"
EXECUTIONS = "TESTBED_EXECUTION_RETENTION_DAYS"


@dataclass(frozen=True)
class Rule:
    """When the records of a table, called `t` in the conditions, are removed.

    :param key: the primary key
    :param time: from when on a record's age counts, by the database's clock except for logs
    :param setting: which age is too old, in days
    :param only: what must hold beside the age
    :param with_it: a table whose records go with these, and its column that names their key
    """

    table: str
    key: str
    time: str
    setting: str
    only: str = "true"
    with_it: tuple[str, str] | None = None

    @property
    def statement(self) -> str:
        """SQL that removes one page; it takes the days."""
        also = ""
        if self.with_it is not None:
            table, column = self.with_it
            also = f", also AS (DELETE FROM {table} WHERE {column} IN (SELECT {self.key} FROM old))"
        return f"""
            WITH old AS MATERIALIZED (
                SELECT {self.key} FROM {self.table} t
                WHERE {self.time} < now() - %s * interval '1 day' AND {self.only} LIMIT {PAGE}
            ){also}
            DELETE FROM {self.table} WHERE {self.key} IN (SELECT {self.key} FROM old)
        """

    @property
    def days(self) -> float:
        """After how many days a record goes; 0: never."""
        return float(getattr(settings, self.setting))

    def remove_page(self) -> int:
        """Remove one page; how many records it had.

        :raises django.db.Error: the database is away
        """
        if self.days <= 0:
            return 0
        with connection.cursor() as cursor:
            cursor.execute(self.statement, [self.days])
            return int(cursor.rowcount)


OF_NO_EXECUTION = """NOT EXISTS (
    SELECT FROM swf_workflow_executions e WHERE e.execution_id = t.execution_id)"""
RUN_OF_NO_EXECUTION = """NOT EXISTS (
    SELECT FROM swf_workflow_executions e WHERE e.run_number = t.run_number)"""
STF_OF_NO_EXECUTION = """NOT EXISTS (
    SELECT FROM swf_workflow_executions e JOIN swf_runs r ON r.run_number = e.run_number
    WHERE r.run_id = t.run_id)"""
SAMPLE_OF_NO_EXECUTION = """NOT EXISTS (
    SELECT FROM swf_workflow_executions e JOIN swf_runs r ON r.run_number = e.run_number
    JOIN swf_stf_files f ON f.run_id = r.run_id WHERE f.file_id = t.stf_file_id)"""
NOT_THE_LAST_CHANGE = """EXISTS (SELECT FROM swf_agent_state_changes n
    WHERE n.instance_name = t.instance_name AND n.id > t.id)"""
AGENT_NOT_NEEDED = f"""t.operational_state = '{OperationalState.EXITED}'
    AND (t.program IS NULL OR EXISTS (
        SELECT FROM swf_systemagent n WHERE n.program = t.program AND n.id > t.id
            AND n.namespace IS NOT DISTINCT FROM t.namespace))
    AND NOT EXISTS (SELECT FROM swf_workflow_executions e
        WHERE e.runner_instance = t.instance_name AND e.end_time IS NULL)"""
HAS_ENDED = "t.status IN ({})".format(", ".join(f"'{status}'" for status in FINAL_STATUSES))


def _without(children: str, column: str, key: str, and_so: str) -> str:
    """A condition, and that no children are left."""
    return f"NOT EXISTS (SELECT FROM {children} c WHERE c.{column} = t.{key}) AND {and_so}"


RULES = (
    Rule("swf_applog", "id", "t.timestamp", LOGS),
    Rule("swf_agent_state_changes", "id", "t.changed_at", AGENTS, NOT_THE_LAST_CHANGE),
    Rule(
        "swf_systemagent",
        "id",
        "COALESCE(t.last_heartbeat, t.updated_at)",
        AGENTS,
        AGENT_NOT_NEEDED,
        with_it=("swf_agent_state_changes", "agent_id"),
    ),
    Rule(
        "swf_workflow_executions",
        "execution_id",
        "GREATEST(t.end_time, t.recorded_at)",
        EXECUTIONS,
        HAS_ENDED,
    ),
    Rule("swf_workflow_messages", "id", "t.recorded_at", EXECUTIONS, OF_NO_EXECUTION),
    Rule("swf_dead_letters", "id", "t.received_at", EXECUTIONS, OF_NO_EXECUTION),
    Rule("swf_stage_records", "id", "t.recorded_at", EXECUTIONS, OF_NO_EXECUTION),
    Rule("swf_tf_slices", "id", "t.created_at", EXECUTIONS, RUN_OF_NO_EXECUTION),
    Rule(
        "swf_fastmon_files",
        "tf_file_id",
        "t.created_at",
        EXECUTIONS,
        _without("swf_tf_slices", "fastmon_file_id", "tf_file_id", SAMPLE_OF_NO_EXECUTION),
    ),
    Rule(
        "swf_stf_files",
        "file_id",
        "t.created_at",
        EXECUTIONS,
        _without("swf_fastmon_files", "stf_file_id", "file_id", STF_OF_NO_EXECUTION),
    ),
    Rule("swf_workers", "worker_id", "t.recorded_at", EXECUTIONS, RUN_OF_NO_EXECUTION),
    Rule("swf_system_state_events", "event_id", "t.recorded_at", EXECUTIONS, RUN_OF_NO_EXECUTION),
    Rule("swf_run_histograms", "run_number", "t.updated_at", EXECUTIONS, RUN_OF_NO_EXECUTION),
    Rule(
        "swf_runs",
        "run_id",
        "t.recorded_at",
        EXECUTIONS,
        _without("swf_stf_files", "run_id", "run_id", RUN_OF_NO_EXECUTION),
    ),
    Rule(  # by the time of its making: that its slices are removed changes its counts
        "swf_run_state",
        "run_number",
        "t.recorded_at",
        EXECUTIONS,
        _without("swf_runs", "run_number", "run_number", RUN_OF_NO_EXECUTION),
    ),
)
"""An execution goes first; what belongs to it belongs to none then, and goes by its own age,
children before their parents."""


class Retention:
    """Looks now and then what is too old, and removes it a page at a time."""

    def __init__(self) -> None:
        self._due = dict.fromkeys(RULES, 0.0)
        self._sessions_due = 0.0

    def run(self) -> None:
        """One look at what is due, for `BUSY_S` seconds; what is left then goes on at the next.

        :raises django.db.Error: the database is away
        """
        started = time.monotonic()
        for rule, due in self._due.items():
            if due > started:
                continue
            if not _remove(rule, until=started + BUSY_S):
                return  # what a later rule removes may wait for what this one has left
            self._due[rule] = started + INTERVAL_S
        if self._sessions_due <= started:
            call_command("clearsessions")
            self._sessions_due = started + INTERVAL_S


def _remove(rule: Rule, until: float) -> bool:
    """Remove what is too old in one table; False when time was over first."""
    removed = 0
    while True:
        page = rule.remove_page()
        removed += page
        if page < PAGE or time.monotonic() > until:
            break
    if removed:
        log.info("removed %d rows of %s older than %g days", removed, rule.table, rule.days)
    return page < PAGE
