"""transformer: processes slices, one at a time; many of them share the work of a run."""

from __future__ import annotations

import socket
import time
from typing import Any

from agents.data.clustering import find_clusters
from agents.data.files import locate, verify
from agents.data.frame_file import FrameReader
from agents.data.histograms import HistogramSet
from agents.data.time_frames import TimeFrames
from agents.programs.transformer.worker_record import WorkerRecord
from agents.runtime import BaseAgent, handles
from agents.runtime.settings import AgentSettings
from swf_common.broker.model import Subscription
from swf_common.configuration.groups import Clustering, Hits, Workers
from swf_common.protocol.destinations import RESULTS, SLICES, WORKERS, consumer_queue
from swf_common.protocol.message import utc_now
from swf_common.protocol.messages import EndRun
from swf_common.protocol.slices import (
    ProcessedSlice,
    ResultContent,
    Slice,
    SliceContent,
    SliceOutcome,
    SliceResult,
)
from swf_common.service.monitor_client import MonitorRefused, Stopped

LONGEST_REASON = 1000
"""Characters of the reason why a slice failed."""


class Transformer(BaseAgent):
    """Takes a slice, clusters the hits of its time frames, and answers with counts and
    histograms; or with the reason why it could not.
    """

    agent_type = "transformer"

    def __init__(self, settings: AgentSettings) -> None:
        super().__init__(settings)
        self._sample: tuple[tuple[str, str], TimeFrames] | None = None
        self._record: WorkerRecord | None = None
        self._ended_runs: set[str] = set()

    def subscriptions(self) -> tuple[Subscription, ...]:
        """Slices from the queue that all transformers share, one at a time; announcements to
        workers from the topic, since each worker has to receive them.
        """
        queue = consumer_queue(self.settings.namespace, self.settings.program, SLICES)
        return (Subscription(queue, prefetch=1), Subscription(WORKERS))

    def on_stop(self) -> None:
        if self._record is not None:
            self._record.end()

    def details(self) -> dict[str, Any]:
        record = self._record
        if record is None:
            return {}
        return {"worker_id": record.worker_id, "slices_completed": record.slices_completed}

    @handles("slice")
    def process(self, message: Slice) -> None:
        """Process a slice; the result goes to the topic of results."""
        started_at, began = utc_now(), time.monotonic()
        content = message.content
        record = self._record_of(content)
        record.begin(content)
        results: dict[str, Any] = {}
        error = ""
        try:
            results = self._transform(content)
            self._emulate(content.execution_id, time.monotonic() - began)
        except Stopped:
            raise
        except Exception as failure:  # whatever is wrong with a slice fails this slice alone
            self.log.exception("slice %s failed", content.tf_filename)
            error = f"{type(failure).__name__}: {failure}"[:LONGEST_REASON]
        elapsed = round(time.monotonic() - began, 6)
        processed = ProcessedSlice(
            **content.model_dump(exclude={"state"}),
            state="failed" if error else "done",
            processed=not error,
            actual_processing_time=elapsed,
            **results,
        )
        result = ResultContent(
            req_id=content.req_id,
            state="failed" if error else "done",
            requested_at=message.created_at,
            processing_start_at=started_at,
            processed_at=utc_now(),
            processing_time=elapsed,
            hostname=socket.gethostname(),
            worker_id=record.worker_id,
            result=SliceOutcome(state=not error, result=processed, error=error),
        )
        self.publish(
            RESULTS,
            SliceResult(execution_id=message.execution_id, run_id=message.run_id, content=result),
        )
        if not error:
            record.complete()

    @handles("end_run")
    def end_run(self, message: EndRun) -> None:
        """The run makes no new data; its slices may still wait."""
        self._ended_runs.add(message.run_id)
        if self._record is not None and self._record.run_id == message.run_id:
            self._record.end()

    def _record_of(self, content: SliceContent) -> WorkerRecord:
        if self._record is None or self._record.run_id != content.run_id:
            if self._record is not None:
                self._record.end()
            self._record = WorkerRecord(
                self._session(),
                self.instance_name,
                socket.gethostname(),
                content.execution_id,
                content.run_id,
            )
            if content.run_id in self._ended_runs or self._has_ended(content.execution_id):
                self._record.end()
        return self._record

    def _has_ended(self, execution_id: str) -> bool:
        """Whether an execution has ended: a worker that starts later was not notified."""
        try:
            execution = self.monitor.call("GET", f"workflow-executions/{execution_id}/")
        except MonitorRefused:  # the slice fails for it
            return False
        return execution.get("end_time") is not None

    def _transform(self, content: SliceContent) -> dict[str, Any]:
        """What is in a slice: counts, and histograms in UHI form."""
        parameters = self.parameters.of(content.execution_id)
        frames = self._read(content)
        if frames.tf_count != content.tf_count:
            raise ValueError(f"{content.tf_count} TFs are not {content.start} to {content.end}")
        clusters = find_clusters(frames, Clustering.of(parameters))
        settings = Hits.of(parameters)
        histograms = HistogramSet.empty(settings)
        histograms.fill(settings, frames, clusters)
        return {
            "hit_count": frames.hit_count,
            "cluster_count": clusters.count,
            "histograms": histograms.to_uhi(),
        }

    def _read(self, content: SliceContent) -> TimeFrames:
        """The time frames of a slice. A sample is verified and read once for all of its slices
        that follow each other: reading a few TFs of it costs what reading all of it does.
        """
        key = content.file_url, content.checksum
        if self._sample is None or self._sample[0] != key:
            path = locate(content.file_url, self.settings.data_folder)
            verify(path, content.file_size_bytes, content.checksum)
            with FrameReader(path) as reader:
                self._sample = key, reader.read()
        return self._sample[1].select(content.start, content.end)

    def _emulate(self, execution_id: str, spent_s: float) -> None:
        """Take as long as `slice_processing_time` says, for work that is longer than ours.

        :raises Stopped: the agent is to stop; another transformer gets the slice
        """
        wanted_s = Workers.of(self.parameters.of(execution_id)).slice_processing_time
        left_s = wanted_s - spent_s
        self.allow(max(0.0, left_s))
        if left_s > 0 and self.stopping.wait(left_s):
            raise Stopped("the slice is left to another transformer")
