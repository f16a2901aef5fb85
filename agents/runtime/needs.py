"""Which files of an STF somebody still needs, by what the monitor has recorded (decision 0016)."""

from __future__ import annotations

from typing import Any

from agents.runtime.monitor import MonitorClient
from agents.runtime.parameters import takes_part
from testbed.protocol.states import FileStatus, SliceStatus

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
PROCESSED = {FileStatus.PROCESSED, FileStatus.DONE, FileStatus.FAILED}
SLICE_ENDED = {SliceStatus.COMPLETED, SliceStatus.FAILED}

Agents = dict[str, Any]
"""The sections `[agents.*]` that an execution was started with."""


class Needs:
    """Answers for the volumes of the runs' files. Each method takes a run's id and an STF's file
    name, and raises `MonitorAway` when the monitor cannot be asked at the moment. A run without
    an execution needs nothing.
    """

    def __init__(self, monitor: MonitorClient, namespace: str) -> None:
        self._monitor = monitor
        self._namespace = namespace
        self._runs: dict[str, tuple[str, Agents]] = {}

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
        record = self._stf_record(stf_filename)
        if record is None:
            return self._takes_part(agents, "data")
        if _has_stranger(agents) and self._unfinished(execution_id):
            return True
        if record["status"] == FileStatus.FAILED:
            return False
        unprocessed = record["status"] not in PROCESSED
        return (unprocessed and self._takes_part(agents, "processing")) or (
            not _sampled(record) and self._takes_part(agents, "fastmon")
        )

    def samples(self, run_id: str, stf_filename: str) -> bool:
        """Whether TF samples of the STF are needed: until each of their slices has its result."""
        execution = self._execution(run_id)
        if execution is None or not self._takes_part(execution[1], "fast_processing"):
            return False
        record = self._stf_record(stf_filename)
        if record is None or (record["status"] == FileStatus.FAILED and not _sampled(record)):
            return False
        slices = self._monitor.once("GET", "tf-slices/", stf_filename=stf_filename)
        if not _sampled(record) or any(row["status"] not in SLICE_ENDED for row in slices):
            return True
        samples = self._monitor.once("GET", "fastmon-files/", stf_filename=stf_filename)
        sampled = sum(row["tf_count"] for row in samples)
        return bool(sum(row["tf_count"] for row in slices) < sampled)

    def output(self, run_id: str, stf_filename: str) -> bool:
        """Whether the output of the STF is needed: until it is recorded."""
        if self._execution(run_id) is None:
            return False
        record = self._stf_record(stf_filename)
        return record is not None and record["status"] not in PROCESSED

    def _execution(self, run_id: str) -> tuple[str, Agents] | None:
        """Id and agents of the execution that made a run; None when there is none."""
        if run_id not in self._runs:
            rows = self._monitor.once("GET", "workflow-executions/", run_number=run_id)
            if not rows:
                return None
            agents = (rows[0]["parameter_values"] or {}).get("agents") or {}
            self._runs[run_id] = rows[0]["execution_id"], agents
        return self._runs[run_id]

    def _takes_part(self, agents: Agents, agent: str) -> bool:
        """Whether an agent takes part; when nobody said which ones do, those that were ever
        started have a queue that keeps what they are told.
        """
        program = PROGRAMS[agent]
        if agents:
            return takes_part(agents, agent, program)
        own = {"namespace": self._namespace, "program": program, "limit": 1}
        return bool(self._monitor.once("GET", "systemagents/", **own)["count"])

    def _unfinished(self, execution_id: str) -> bool:
        execution = self._monitor.once("GET", f"workflow-executions/{execution_id}/")
        if execution["end_time"] is None:
            return True
        queues = self._monitor.once("GET", "backlog/")["queues"]
        return queues is None or any(queue["depth"] for queue in queues)

    def _stf_record(self, stf_filename: str) -> dict[str, Any] | None:
        rows: list[dict[str, Any]] = self._monitor.once(
            "GET", "stf-files/", stf_filename=stf_filename
        )
        return rows[0] if rows else None


def _sampled(record: dict[str, Any]) -> bool:
    return "tf_files" in (record["metadata"] or {})


def _has_stranger(agents: Agents) -> bool:
    """Whether an agent is enabled that is none of the testbed's."""
    programs = set(PROGRAMS.values())
    return any(
        section.get("enabled") and (section.get("program") or PROGRAMS.get(key)) not in programs
        for key, section in agents.items()
    )
