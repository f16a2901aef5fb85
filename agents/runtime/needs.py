"""Which files of an STF somebody still needs, by what the monitor has recorded (decision 0016)."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from agents.runtime.parameters import sections, table, takes_part
from agents.runtime.settings import QUEUE_RETENTION_DAYS
from swf_common.protocol.message import utc_now
from swf_common.protocol.states import FileStatus, SliceStatus
from swf_common.service.monitor_client import MonitorClient, MonitorRefused

PROGRAMS = {
    "workflow-runner": "workflow-runner",
    "data": "example-data-agent",
    "processing": "example-processing-agent",
    "fastmon": "example-fastmon-agent",
    "fast_processing": "example-fast-processing-agent",
    "transformer": "transformer",
}
"""Agents whose work on an STF shows in the records, and the services that they are in
compose.yaml."""
MARKS = {"processing": "processed_by", "fastmon": "sampled_by"}
"""What an agent adds to the metadata of an STF when it has come to its end with it, well or not.
The status cannot tell: an STF has one, and two agents."""
KNOWN_FOR_S = 3600.0
"""Seconds for which an execution is not asked for again: whether it ended long ago may change."""
SLICE_ENDED = {SliceStatus.COMPLETED, SliceStatus.FAILED}

Agents = dict[str, dict[str, Any]]
"""The sections `[agents.*]` that an execution was started with."""


class Needs:
    """Answers for the volumes of the runs' files. Each method takes a run's id and an STF's file
    name, and raises `ConnectionError` when the monitor is away, or refuses to answer. A run
    without an execution needs nothing, nor does one whose execution ended long ago: what waited
    for it is not handed to anybody any more (decision 0027).

    :param days: days after an execution's end for which its files are needed; 0: for ever
    """

    def __init__(
        self,
        monitor: MonitorClient,
        namespace: str,
        days: float = QUEUE_RETENTION_DAYS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monitor = monitor
        self._namespace = namespace
        self._days = days
        self._clock = clock
        self._runs: dict[str, tuple[float, str, Agents]] = {}

    def stf(self, run_id: str, stf_filename: str) -> bool:
        """Whether the STF itself is needed: until each agent that takes part in the execution has
        come to an end with it. An agent that is not one of the testbed's leaves no trace by which
        that could be known: then every STF is needed until the execution has ended and no message
        waits for anybody.
        """
        execution = self._execution(run_id)
        if execution is None:
            return False
        execution_id, agents = execution
        if _has_stranger(agents) and self._unfinished(execution_id):
            return True
        record = self._stf_record(stf_filename)
        if record is None:
            return self._takes_part(agents, "data")
        return not _is_rejected(record) and any(
            mark not in table(record["metadata"]) and self._takes_part(agents, agent)
            for agent, mark in MARKS.items()
        )

    def samples(self, run_id: str, stf_filename: str) -> bool:
        """Whether TF samples of the STF are needed: until each of their slices has its result."""
        execution = self._execution(run_id)
        if execution is None or not self._takes_part(execution[1], "fast_processing"):
            return False
        record = self._stf_record(stf_filename)
        if record is None or _is_rejected(record):
            return False
        metadata = table(record["metadata"])
        if MARKS["fastmon"] not in metadata:
            return True
        if "tf_files" not in metadata:  # sampling failed
            return False
        slices = self._ask("tf-slices/", stf_filename=stf_filename)
        if any(row["status"] not in SLICE_ENDED for row in slices):
            return True
        samples = self._ask("fastmon-files/", stf_filename=stf_filename)
        sampled = sum(row["tf_count"] for row in samples)
        return bool(sum(row["tf_count"] for row in slices) < sampled)

    def output(self, run_id: str, stf_filename: str) -> bool:
        """Whether the output of the STF is needed: until it is recorded."""
        if self._execution(run_id) is None:
            return False
        record = self._stf_record(stf_filename)
        return (
            record is not None
            and not _is_rejected(record)
            and MARKS["processing"] not in table(record["metadata"])
        )

    def _execution(self, run_id: str) -> tuple[str, Agents] | None:
        """Id and agents of the execution that made a run; None when there is none, or when it
        ended too long ago.
        """
        asked_at, execution_id, agents = self._runs.get(run_id, (float("-inf"), "", {}))
        if self._clock() - asked_at > KNOWN_FOR_S:
            rows = self._ask("workflow-executions/", run_number=run_id)
            if not rows or ended_before(rows[0].get("end_time"), self._days):
                return None
            execution_id = rows[0]["execution_id"]
            agents = sections(sections(rows[0]["parameter_values"]).get("agents"))
            self._runs[run_id] = self._clock(), execution_id, agents
        return execution_id, agents

    def _takes_part(self, agents: Agents, agent: str) -> bool:
        """Whether an agent takes part; when nobody said which ones do, those that were ever
        started have a queue that keeps what they are told.
        """
        program = PROGRAMS[agent]
        if agents:
            return takes_part(agents, agent, program)
        own = {"namespace": self._namespace, "program": program, "limit": 1}
        return bool(self._ask("systemagents/", **own)["count"])

    def _unfinished(self, execution_id: str) -> bool:
        execution = self._ask(f"workflow-executions/{execution_id}/")
        if execution["end_time"] is None:
            return True
        queues = self._ask("backlog/")["queues"]
        return queues is None or any(queue["depth"] for queue in queues)

    def _stf_record(self, stf_filename: str) -> dict[str, Any] | None:
        rows: list[dict[str, Any]] = self._ask("stf-files/", stf_filename=stf_filename)
        return rows[0] if rows else None

    def _ask(self, path: str, **params: Any) -> Any:
        try:
            return self._monitor.once("GET", path, **params)
        except MonitorRefused as error:
            raise ConnectionError(f"the monitor does not say: {error}") from error


def ended_before(end_time: Any, days: float) -> bool:
    """Whether an execution, by its end as REST gives it, ended more than so many days ago; 0 days:
    never.
    """
    if days <= 0:
        return False
    try:
        return datetime.fromisoformat(str(end_time)) < utc_now() - timedelta(days=days)
    except (ValueError, TypeError):  # it has not ended
        return False


def _is_rejected(record: dict[str, Any]) -> bool:
    """Whether an STF failed when it was registered: nobody is told that it is ready."""
    marked = any(mark in table(record["metadata"]) for mark in MARKS.values())
    return record["status"] == FileStatus.FAILED and not marked


def _has_stranger(agents: Agents) -> bool:
    """Whether an agent is enabled that is none of the testbed's."""
    programs = set(PROGRAMS.values())
    return any(
        section.get("enabled") and (section.get("program") or PROGRAMS.get(key)) not in programs
        for key, section in agents.items()
    )
