"""example-data-agent: registers runs and STF files, and announces STFs that are ready."""

from __future__ import annotations

from typing import Any

from agents.data.files import DamagedFile, verified
from agents.runtime import BaseAgent, handles
from agents.runtime.settings import AgentSettings
from swf_common.protocol.destinations import EPICTOPIC
from swf_common.protocol.messages import EndRun, RunImminent, StfFailed, StfGen, StfReady
from swf_common.protocol.states import FileStatus
from swf_common.service.monitor_client import MonitorRefused

GATHER_S = 0.1
"""Seconds for which STFs of a burst gather: one request registers them, however many there are."""


class ExampleDataAgent(BaseAgent):
    """Runs and STF files become records; a file that is verified is announced as ready, any other
    one as failed.
    """

    agent_type = "data"

    def __init__(self, settings: AgentSettings) -> None:
        super().__init__(settings)
        self._runs: dict[str, int] = {}

    @handles("run_imminent")
    def prepare_run(self, message: RunImminent) -> None:
        """Register the run."""
        self._run(message)

    @handles("stf_gen", batch=100, gather_s=GATHER_S)
    def register_files(self, messages: list[StfGen]) -> None:
        """Verify files, register them in one request, announce how they are."""
        for message in {message.run_id: message for message in messages}.values():
            self._run(message)
        checked = [(message, self._damage(message)) for message in messages]
        rows = [self._record(message, damage) for message, damage in checked]
        stored = self.monitor.call("POST", "stf-files/", rows)
        failed = {row["stf_filename"] for row in stored if row["status"] == FileStatus.FAILED}
        for message, damage in checked:
            # one that comes again may have been processed and removed since, to make room
            verdict = damage if message.filename in failed else None
            with self.answering(message):
                self.publish(EPICTOPIC, self._verdict(message, verdict))

    @handles("end_run")
    def close_run(self, message: EndRun) -> None:
        """Give the run its end time."""
        run = self._run(message)
        end_time = message.timestamp.isoformat()
        self.monitor.call("PATCH", f"runs/{run}/", {"end_time": end_time})
        self.log.info("run %s is closed: %s", message.run_id, message.reason or "nobody said why")

    def _run(self, message: RunImminent | StfGen | EndRun) -> int:
        """The record's key of a message's run; registered now if it was not (a late joiner)."""
        if message.run_id not in self._runs:
            self._runs[message.run_id] = self._find_or_register(message)
        return self._runs[message.run_id]

    def _find_or_register(self, message: RunImminent | StfGen | EndRun) -> int:
        known = self.monitor.call("GET", "runs/", run_number=message.run_id)
        if known:
            return int(known[0]["run_id"])
        body: dict[str, Any] = {
            "run_number": int(message.run_id),
            "start_time": message.timestamp.isoformat(),
            "run_conditions": message.field("run_conditions") or {},
        }
        try:
            return int(self.monitor.call("POST", "runs/", body)["run_id"])
        except MonitorRefused as error:
            if error.status != 400:
                raise
            # another replica was faster
            known = self.monitor.call("GET", "runs/", run_number=message.run_id)
            if not known:
                raise
            return int(known[0]["run_id"])

    def _damage(self, message: StfGen) -> str | None:
        file = message.file
        if file is None:
            self.note_once(message.run_id, "STFs come without a file: they are not verified")
            return None
        try:
            verified(file, self.settings.data_folder)
        except DamagedFile as error:
            self.log.error("%s", error)
            return str(error)
        return None

    def _record(self, message: StfGen, damage: str | None) -> dict[str, Any]:
        return {
            "run_number": int(message.run_id),
            "stf_filename": message.filename,
            "file_size_bytes": message.size_bytes,
            "checksum": message.checksum,
            "tf_count": message.tf_count,
            "machine_state": message.substate,
            "daq_state": message.state,
            "daq_substate": message.substate,
            "status": FileStatus.REGISTERED if damage is None else FileStatus.FAILED,
            "metadata": {
                "created_by": self.instance_name,
                "execution_id": message.execution_id,
                "sequence": message.sequence,
                "file_url": message.file_url,
                "start": message.start.isoformat() if message.start else None,
                "end": message.end.isoformat() if message.end else None,
                **({"failure": damage} if damage else {}),
            },
        }

    def _verdict(self, message: StfGen, damage: str | None) -> StfReady | StfFailed:
        """What is announced of a file."""
        if damage is not None:
            return StfFailed(
                execution_id=message.execution_id,
                run_id=message.run_id,
                filename=message.filename,
                reason=damage,
                processed_by=self.instance_name,
            )
        content = message.model_dump(exclude={"msg_type", "message_id", "sender", "timestamp"})
        return StfReady(**content, processed_by=self.instance_name)
