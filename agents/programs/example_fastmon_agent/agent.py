"""example-fastmon-agent: skims TF samples from STFs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agents.data.files import DamagedFile, VolumeFull, WrittenFile, read_verified
from agents.data.frame_file import FrameReader
from agents.data.sampling import Sample, is_sampled, samples
from agents.data.tf_samples import sample_path, write_sample
from agents.data.volume import Volume
from agents.runtime import BaseAgent, handles
from agents.runtime.needs import Needs
from agents.runtime.settings import AgentSettings
from swf_common.configuration.groups import Retention, Sampling
from swf_common.errors import ConfigurationError
from swf_common.protocol.destinations import EPICTOPIC
from swf_common.protocol.json_values import as_object
from swf_common.protocol.messages import StfReady, TfFileRegistered
from swf_common.protocol.states import FileStatus

Written = list[tuple[Sample, WrittenFile]]
Outcome = tuple[StfReady, Written, dict[str, Any]]
"""An STF, its samples, and what to change in its record."""


class ExampleFastmonAgent(BaseAgent):
    """Reads of each sampled STF the blocks of time frames that the sampling rule chooses, writes
    them as TF files, registers and announces them. The STF's record is told how many there are.

    STFs of executions without fast monitoring are left alone: while this agent does not run, its
    queue keeps what others are told.
    """

    agent_type = "fastmon"

    def __init__(self, settings: AgentSettings) -> None:
        super().__init__(settings)
        self._samples = Volume(
            settings.data_folder / "tf-samples",
            Needs(self.monitor, "tf-samples"),
        )

    @handles("stf_ready", batch=20)
    def sample_files(self, messages: list[StfReady]) -> None:
        """Sample STFs one by one, register all samples in one request, announce them.

        When the volume is full, those that the batch has so far are registered first: others may
        go then.
        """
        outcomes: list[Outcome] = []
        for message in (one for one in messages if self.takes_part(one.execution_id)):
            self.turn_to(message)
            if message.file is None:
                self.note_once(message.run_id, "STFs come without a file: none is sampled")
                continue
            outcomes.append((message, *self._sample(message, outcomes)))
        self._store(outcomes)

    def _store(self, outcomes: list[Outcome]) -> None:
        rows = [
            self._row(message, sample, file)
            for message, written, _ in outcomes
            for sample, file in written
        ]
        registered = self.monitor.call("POST", "fastmon-files/", rows) if rows else []
        keys = {row["tf_filename"]: row["tf_file_id"] for row in registered}
        if outcomes:
            changes = [change for _, _, change in outcomes]
            self.monitor.call("PATCH", "stf-files/", changes, minimal=True)
        for message, written, _ in outcomes:
            with self.answering(message):
                for sample, file in written:
                    key = keys[sample.filename]
                    self.publish(EPICTOPIC, self._announcement(message, sample, file, key))

    def _sample(self, message: StfReady, before: list[Outcome]) -> tuple[Written, dict[str, Any]]:
        """The samples of one STF, written, and what to change in the STF's record.

        :param before: outcomes that are not stored yet; emptied when they had to be
        """
        try:
            written = self._write_in_room(message, self._choose(message), before)
        except (ConfigurationError, DamagedFile, VolumeFull) as error:
            recorded = self._sampled_before(message)
            if recorded is not None:
                return recorded, self._change(message, tf_files=len(recorded))
            self.log.error("%s", error)
            failed = self._change(message, failure=str(error))
            return [], {**failed, "status": FileStatus.FAILED}
        return written, self._change(message, tf_files=len(written))

    def _choose(self, message: StfReady) -> list[Sample]:
        settings = Sampling.of(self.parameters.of(message.execution_id))
        run = int(message.run_id)
        if not is_sampled(settings, run, message.sequence):
            return []
        tf_count = self._count(message) if message.tf_count is None else message.tf_count
        return samples(settings, message.filename, run, message.sequence, tf_count)

    def _count(self, message: StfReady) -> int:
        """The TFs of an STF whose announcement does not say how many there are."""
        with FrameReader(read_verified(message.file, self.settings.data_folder)) as reader:
            return reader.tf_count

    def _write_in_room(
        self, message: StfReady, wanted: list[Sample], before: list[Outcome]
    ) -> Written:
        try:
            return self._write(message, wanted)
        except VolumeFull:
            if not any(written for _, written, _ in before):
                raise
        self._store(before)
        before.clear()
        self._samples.forget()
        return self._write(message, wanted)

    def _write(self, message: StfReady, wanted: list[Sample]) -> Written:
        if not wanted:
            return []
        file = read_verified(message.file, self.settings.data_folder)
        retention = Retention.of(self.parameters.of(message.execution_id))
        self._samples.make_room(retention.tf_samples_limit_mb)
        written: Written = []
        with FrameReader(file) as reader:
            for sample in wanted:
                frames = reader.read(sample.tf_first, sample.tf_last)
                target = sample_path(self._samples.folder, message.run_id, sample.filename)
                made = write_sample(target, frames)
                self._samples.wrote(made.size_bytes)
                written.append((sample, made))
        return written

    def _sampled_before(self, message: StfReady) -> Written | None:
        """The samples of an STF that comes again after it was sampled, as they are recorded: its
        file may have been removed since, to make room.
        """
        rows = self.monitor.call("GET", "stf-files/", stf_filename=message.filename)
        if not rows or "tf_files" not in as_object(rows[0]["metadata"]):
            return None
        recorded = self.monitor.call("GET", "fastmon-files/", stf_filename=message.filename)
        return [
            (
                Sample(row["tf_filename"], row["tf_first"], row["tf_last"]),
                WrittenFile(
                    Path(row["metadata"]["file_url"].removeprefix("file://")),
                    row["file_size_bytes"],
                    row["checksum"],
                ),
            )
            for row in recorded
        ]

    def _change(self, message: StfReady, **facts: Any) -> dict[str, Any]:
        metadata = {"sampled_by": self.instance_name, **facts}
        return {"stf_filename": message.filename, "metadata": metadata}

    def _row(self, message: StfReady, sample: Sample, file: WrittenFile) -> dict[str, Any]:
        return {
            "stf_file": message.filename,
            "tf_filename": sample.filename,
            "tf_first": sample.tf_first,
            "tf_last": sample.tf_last,
            "tf_count": sample.tf_count,
            "file_size_bytes": file.size_bytes,
            "checksum": file.checksum,
            "metadata": {
                "created_by": self.instance_name,
                "execution_id": message.execution_id,
                "file_url": f"file://{file.path}",
            },
        }

    def _announcement(
        self, message: StfReady, sample: Sample, file: WrittenFile, key: str
    ) -> TfFileRegistered:
        return TfFileRegistered.model_validate(
            {
                "execution_id": message.execution_id,
                "run_id": message.run_id,
                "tf_file_id": key,
                "tf_filename": sample.filename,
                "tf_first": sample.tf_first,
                "tf_last": sample.tf_last,
                "tf_count": sample.tf_count,
                "file_url": f"file://{file.path}",
                "checksum": file.checksum,
                "file_size_bytes": file.size_bytes,
                "stf_filename": message.filename,
            }
        )
