"""example-processing-agent: processes whole STFs."""

from __future__ import annotations

import time
from typing import Any

from agents.data.cluster_file import ClusterFile, output_path, reconstruct
from agents.data.files import DamagedFile, VolumeFull, read_verified
from agents.data.frame_file import FrameReader
from agents.data.volume import Volume
from agents.programs.example_processing_agent.task import RunTasks
from agents.runtime import BaseAgent, handles
from agents.runtime.needs import Needs
from agents.runtime.settings import AgentSettings
from swf_common.configuration.groups import Clustering, Retention
from swf_common.errors import ConfigurationError
from swf_common.protocol.destinations import EPICTOPIC
from swf_common.protocol.json_values import as_object
from swf_common.protocol.messages import (
    EndRun,
    ProcessingComplete,
    RunImminent,
    StfFailed,
    StfReady,
)
from swf_common.protocol.states import FileStatus

ANNOUNCED = ("output_files", "processing_time_ms", "tf_count", "hit_count", "cluster_count")
"""What of an STF's outcome is announced as well as recorded."""
Outcome = tuple[StfReady, dict[str, Any], ProcessingComplete | None]
"""An STF, what to change in its record, and what to announce of it."""


class ExampleProcessingAgent(BaseAgent):
    """Finds the clusters of each STF that is ready, writes them to an output file, records it
    with the STF and announces it.

    STFs of executions without this agent are left alone: while it does not run, its queue keeps
    what others are told.
    """

    agent_type = "processing"

    def __init__(self, settings: AgentSettings) -> None:
        super().__init__(settings)
        self._tasks = RunTasks(self.monitor, self.parameters)
        self._outputs = Volume(
            settings.data_folder / "processed",
            Needs(self.monitor, "processed"),
        )

    @handles("run_imminent")
    def open_run(self, message: RunImminent) -> None:
        """The run's dataset is open: so is its task, where the execution wants one."""
        if self.takes_part(message.execution_id):
            self._tasks.follow(message.execution_id, message.run_id)

    @handles("stf_ready", batch=100)
    def process_files(self, messages: list[StfReady]) -> None:
        """Process files one by one, store the outcomes in one request, announce them.

        When the volume is full, the outcomes that the batch has so far are stored first: an output
        may go once it is recorded.
        """
        outcomes: list[Outcome] = []
        for message in messages:
            self.turn_to(message)
            if message.file is None:
                self.note_once(message.run_id, "STFs come without a file: none is processed")
            elif self.takes_part(message.execution_id):
                outcomes.append((message, *self._process(message, outcomes)))
        self._store(outcomes)

    def _store(self, outcomes: list[Outcome]) -> None:
        if outcomes:
            rows = [row for _, row, _ in outcomes]
            self.monitor.call("PATCH", "stf-files/", rows, minimal=True)
        for message, _, announcement in outcomes:
            if announcement is not None:
                with self.answering(message):
                    self.publish(EPICTOPIC, announcement)
        for execution_id, run_id in {(one.execution_id, one.run_id) for one, _, _ in outcomes}:
            self._tasks.follow(execution_id, run_id)

    @handles("stf_failed")
    def pass_over(self, message: StfFailed) -> None:
        """There is nothing to process; the run's task counts it."""
        if self.takes_part(message.execution_id):
            self._tasks.follow(message.execution_id, message.run_id)

    @handles("end_run")
    def close_run(self, message: EndRun) -> None:
        """The run's dataset is closed; its task is finished with its last STF."""
        if self.takes_part(message.execution_id):
            self._tasks.follow(
                message.execution_id,
                message.run_id,
                closed_at=message.timestamp,
                total=message.total_stf_files,
            )

    def _process(
        self, message: StfReady, before: list[Outcome]
    ) -> tuple[dict[str, Any], ProcessingComplete | None]:
        """One STF: its record's changes, and what to announce (nothing when it failed).

        :param before: outcomes that are not stored yet; emptied when they had to be
        """
        started = time.monotonic()
        try:
            output = self._reconstruct_in_room(message, before)
        except (ConfigurationError, DamagedFile, VolumeFull) as error:
            recorded = self._processed_before(message)
            if recorded is not None:
                return self._outcome(message, FileStatus.PROCESSED, recorded)
            self.log.error("%s", error)
            return self._outcome(message, FileStatus.FAILED, {"failure": str(error)})
        results = {
            "output_files": [output.path.name],
            "outputs": [
                {
                    "filename": output.path.name,
                    "file_url": f"file://{output.path}",
                    "size_bytes": output.size_bytes,
                    "checksum": output.checksum,
                }
            ],
            "tf_count": output.tf_count,
            "hit_count": output.hit_count,
            "cluster_count": output.cluster_count,
            "processing_time_ms": round((time.monotonic() - started) * 1000, 3),
        }
        return self._outcome(message, FileStatus.PROCESSED, results)

    def _reconstruct_in_room(self, message: StfReady, before: list[Outcome]) -> ClusterFile:
        try:
            return self._reconstruct(message)
        except VolumeFull:
            if not any(announcement for _, _, announcement in before):
                raise
        self._store(before)
        before.clear()
        self._outputs.forget()
        return self._reconstruct(message)

    def _reconstruct(self, message: StfReady) -> ClusterFile:
        """Find the clusters of an STF and write them to its output file."""
        parameters = self.parameters.of(message.execution_id)
        file = read_verified(message.file, self.settings.data_folder)
        with FrameReader(file) as reader:
            frames = reader.read()
        self._outputs.make_room(Retention.of(parameters).processed_limit_mb)
        target = output_path(self._outputs.folder, message.run_id, message.filename)
        output = reconstruct(target, frames, Clustering.of(parameters))
        self._outputs.wrote(output.size_bytes)
        return output

    def _processed_before(self, message: StfReady) -> dict[str, Any] | None:
        """What is recorded of an STF that comes again after it was processed: its file may have
        been removed since, to make room.
        """
        rows = self.monitor.call("GET", "stf-files/", stf_filename=message.filename)
        facts = as_object(rows[0]["metadata"] if rows else None)
        return facts if "outputs" in facts else None

    def _outcome(
        self, message: StfReady, status: FileStatus, facts: dict[str, Any]
    ) -> tuple[dict[str, Any], ProcessingComplete | None]:
        row = {
            "stf_filename": message.filename,
            "status": status,
            "metadata": {"processed_by": self.instance_name, **facts},
        }
        if status == FileStatus.FAILED:
            return row, None
        announcement = ProcessingComplete.model_validate(
            {
                **{name: facts[name] for name in ANNOUNCED},
                "execution_id": message.execution_id,
                "run_id": message.run_id,
                "filename": message.filename,
            }
        )
        return row, announcement
