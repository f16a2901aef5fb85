"""example-processing-agent: processes whole STFs."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from agents.data.clustering import ClusteringSettings, find_clusters
from agents.data.files import DamagedFile, locate, verify, write_atomically
from agents.data.frame_file import FrameReader
from agents.data.time_frames import TimeFrames
from agents.runtime import BaseAgent, handles
from testbed.protocol.destinations import EPICTOPIC
from testbed.protocol.messages import ProcessingComplete, StfReady
from testbed.protocol.states import FileStatus


class ExampleProcessingAgent(BaseAgent):
    """Reads each STF that is ready, writes its output, marks it processed and announces it."""

    agent_type = "processing"

    @handles("stf_ready", batch=100)
    def process_files(self, messages: list[StfReady]) -> None:
        """Process files one by one, store the outcomes in one request, announce them."""
        outcomes = [(message, *self._process(message)) for message in messages]
        self.monitor.call("PATCH", "stf-files/", [row for _, row, _ in outcomes])
        for message, _, announcement in outcomes:
            if announcement is not None:
                with self.answering(message):
                    self.publish(EPICTOPIC, announcement)

    def _process(self, message: StfReady) -> tuple[dict[str, Any], ProcessingComplete | None]:
        """One STF: its record's changes, and what to announce (nothing when it failed)."""
        started = time.monotonic()
        try:
            path = locate(message.file_url, self.settings.data_folder)
            verify(path, message.size_bytes, message.checksum)
            with FrameReader(path) as reader:
                frames = reader.read()
        except DamagedFile as error:
            self.log.error("%s", error)
            return self._outcome(message, FileStatus.FAILED, failure=str(error)), None
        output = self._reconstruct(message, frames)
        elapsed_ms = (time.monotonic() - started) * 1000
        row = self._outcome(message, FileStatus.PROCESSED, output_files=[output.name])
        announcement = ProcessingComplete(
            execution_id=message.execution_id,
            run_id=message.run_id,
            filename=message.filename,
            output_files=[output.name],
            processing_time_ms=round(elapsed_ms, 3),
            tf_count=message.tf_count,
        )
        return row, announcement

    def _reconstruct(self, message: StfReady, frames: TimeFrames) -> Path:
        """Write the output of one STF: what was found in it."""
        clusters = find_clusters(frames, ClusteringSettings())
        folder = self.settings.data_folder / "processed" / message.run_id
        output = folder / message.filename.replace(".stf", ".rec.json")
        summary = {
            "input": message.filename,
            "tf_count": frames.tf_count,
            "hit_count": frames.hit_count,
            "cluster_count": clusters.count,
        }
        write_atomically(output, json.dumps(summary).encode())
        return output

    def _outcome(self, message: StfReady, status: FileStatus, **facts: Any) -> dict[str, Any]:
        return {
            "stf_filename": message.filename,
            "status": status,
            "metadata": {"processed_by": self.instance_name, **facts},
        }
