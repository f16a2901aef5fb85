"""transformer: processes slices; many of them share the work of a run."""

from __future__ import annotations

import socket
import time
from datetime import datetime
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

from agents.data.files import read_verified
from agents.data.frame_file import FrameReader
from agents.data.slice_processing import SliceContents, process_slices
from agents.data.time_frames import TimeFrames
from agents.programs.transformer.worker_record import WorkerRecord
from agents.runtime import BaseAgent, handles
from agents.runtime.ahead import MOST_AHEAD, TakeAhead
from agents.runtime.settings import AgentSettings
from swf_common.broker.model import Subscription
from swf_common.configuration.groups import Clustering, Hits, Workers
from swf_common.protocol.destinations import RESULTS, SLICES, WORKERS, consumer_queue
from swf_common.protocol.message import utc_now
from swf_common.protocol.messages import EndRun
from swf_common.protocol.slices import (
    ProcessedSlice,
    ResultContent,
    ResultsContent,
    RunImminentWorker,
    Slice,
    SliceContent,
    SliceOutcome,
    SliceResult,
    SliceResults,
)
from swf_common.service.monitor_client import MonitorRefused, Stopped

TOGETHER: str = SliceResults.model_fields["msg_type"].default
"""What a slice's sender names in `accepts` when results may come several in a message."""
LONGEST_REASON = 1000
"""Characters of the reason why a slice failed."""


class Settings(NamedTuple):
    """The parameters of an execution that concern slices; the time is in seconds."""

    hits: Hits
    clustering: Clustering
    slice_processing_time: float

    @classmethod
    def of(cls, parameters: dict[str, Any]) -> Settings:
        """Take them out of all parameters of an execution.

        :raises ConfigurationError: a value makes no sense
        """
        emulated = Workers.of(parameters).slice_processing_time
        return cls(Hits.of(parameters), Clustering.of(parameters), emulated)


class Transformer(BaseAgent):
    """Takes slices, clusters the hits of their time frames, and answers each with counts and
    histograms; or with the reason why it could not.
    """

    agent_type = "transformer"

    def __init__(self, settings: AgentSettings) -> None:
        super().__init__(settings)
        self._hostname = socket.gethostname()
        self._pace = TakeAhead()
        self._settings: tuple[str, Settings] | None = None
        self._sample: tuple[tuple[str, str], TimeFrames] | None = None
        self._record: WorkerRecord | None = None
        self._ended_runs: set[str] = set()

    def subscriptions(self) -> tuple[Subscription, ...]:
        """Slices from the queue that all transformers share, one at a time; announcements to
        workers from the topic, since each worker has to receive them.
        """
        return (self._slices(1), Subscription(WORKERS))

    def ahead(self) -> Subscription | None:
        """More slices from the same queue, while they are quick."""
        count = self._pace.count
        return self._slices(count) if count else None

    def _slices(self, prefetch: int) -> Subscription:
        queue = consumer_queue(self.settings.namespace, self.settings.program, SLICES)
        return Subscription(queue, prefetch)

    def on_stop(self) -> None:
        if self._record is not None:
            self._record.end()

    def details(self) -> dict[str, Any]:
        record = self._record
        if record is None:
            return {}
        return {"worker_id": record.worker_id, "slices_completed": record.slices_completed}

    @handles("slice", batch=MOST_AHEAD // 2)
    def process(self, messages: list[Slice]) -> None:
        """Process slices; the results go to the topic of results."""
        began = time.monotonic()
        for slices in _by_sample(messages):
            self.turn_to(slices[0])
            self._process(slices)
        self._pace.measured(len(messages), time.monotonic() - began)

    def _process(self, messages: list[Slice]) -> None:
        """Process slices of one sample together, publish their results and count them."""
        started_at, began = utc_now(), time.monotonic()
        record = self._record_of(messages[0].content)
        record.begin(messages[0].content)
        outcomes = self._outcomes(messages)
        done = sum(not isinstance(outcome, str) for outcome in outcomes)
        if done:
            self._emulate(messages[0].execution_id, done, time.monotonic() - began)
        elapsed = round((time.monotonic() - began) / len(messages), 6)
        self._answer(
            messages,
            [
                self._result(message, outcome, started_at, elapsed, record.worker_id)
                for message, outcome in zip(messages, outcomes, strict=True)
            ],
        )
        record.complete(done)

    def _answer(self, messages: list[Slice], results: list[ResultContent]) -> None:
        """Publish results: in one message if the sender of the slices accepts that."""
        execution_id, run_id = messages[0].execution_id, messages[0].run_id
        if len(messages) > 1 and all(TOGETHER in message.accepts for message in messages):
            handled = "/".join(str(message.message_id) for message in messages)
            self.publish(
                RESULTS,
                SliceResults(
                    message_id=uuid5(NAMESPACE_URL, f"{TOGETHER}/{handled}"),
                    execution_id=execution_id,
                    run_id=run_id,
                    content=ResultsContent(results=results),
                ),
            )
            return
        for message, result in zip(messages, results, strict=True):
            with self.answering(message):
                single = SliceResult(execution_id=execution_id, run_id=run_id, content=result)
                self.publish(RESULTS, single)

    def _outcomes(self, messages: list[Slice]) -> list[SliceContents | str]:
        """What is in each slice, or the reason why it failed. When slices fail together, each is
        tried alone, so that only the bad one fails.
        """
        try:
            return [*self._transform([message.content for message in messages])]
        except Stopped:
            raise
        except Exception as failure:
            if len(messages) > 1:
                return [outcome for one in messages for outcome in self._outcomes([one])]
            self.log.exception("slice %s failed", messages[0].content.tf_filename)
            return [f"{type(failure).__name__}: {failure}"[:LONGEST_REASON]]

    def _result(
        self,
        message: Slice,
        outcome: SliceContents | str,
        started_at: datetime,
        elapsed: float,
        worker_id: str,
    ) -> ResultContent:
        content = message.content
        error = outcome if isinstance(outcome, str) else ""
        counts = {} if isinstance(outcome, str) else vars(outcome)
        processed = ProcessedSlice(
            **content.model_dump(exclude={"state"}),
            state="failed" if error else "done",
            processed=not error,
            actual_processing_time=elapsed,
            **counts,
        )
        return ResultContent(
            req_id=content.req_id,
            state="failed" if error else "done",
            requested_at=message.created_at,
            processing_start_at=started_at,
            processed_at=utc_now(),
            processing_time=elapsed,
            hostname=self._hostname,
            worker_id=worker_id,
            result=SliceOutcome(state=not error, result=processed, error=error),
        )

    @handles("run_imminent_worker")
    def prepare(self, message: RunImminentWorker) -> None:
        """Slices that are announced as slow are not taken ahead."""
        self._pace.expect(message.content.slice_processing_time or 0.0)

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

    def _transform(self, contents: list[SliceContent]) -> list[SliceContents]:
        """What is in slices of one sample.

        :raises DamagedFile: the sample is not the one that was announced
        :raises ValueError: a slice is not in the sample, or does not agree with its own count
        """
        settings = self._settings_of(contents[0].execution_id)
        frames = self._read(contents[0])
        ranges = [(content.start, content.end) for content in contents]
        found = process_slices(frames, ranges, settings.hits, settings.clustering)
        for content, (start, end) in zip(contents, ranges, strict=True):
            if content.tf_count != end - start + 1:
                raise ValueError(f"{content.tf_count} TFs are not {start} to {end}")
        return found

    def _settings_of(self, execution_id: str) -> Settings:
        """The settings of an execution; those of the last one are kept."""
        if self._settings is None or self._settings[0] != execution_id:
            parameters = self.parameters.of(execution_id)
            self._settings = execution_id, Settings.of(parameters)
        return self._settings[1]

    def _read(self, content: SliceContent) -> TimeFrames:
        """The time frames of a slice's sample. A sample is read once for all slices of it that
        follow each other: reading a few TFs takes as long as reading all.

        :raises DamagedFile: missing, or not what was announced
        """
        key = content.file_url, content.checksum
        if self._sample is None or self._sample[0] != key:
            announced = content.file_url, content.file_size_bytes, content.checksum
            with FrameReader(read_verified(announced, self.settings.data_folder)) as reader:
                self._sample = key, reader.read()
        return self._sample[1]

    def _emulate(self, execution_id: str, slices: int, spent_s: float) -> None:
        """Take as long as `slice_processing_time` says for so many slices, to emulate longer work.

        :raises Stopped: the agent is to stop; another transformer gets the slices
        """
        left_s = slices * self._settings_of(execution_id).slice_processing_time - spent_s
        self.allow(max(0.0, left_s))
        if left_s > 0 and self.stopping.wait(left_s):
            raise Stopped("the slices are left to another transformer")


def _by_sample(messages: list[Slice]) -> list[list[Slice]]:
    """Slices grouped by execution and sample. The size and checksum that a slice announces are part
    of its sample.
    """
    samples: dict[tuple[str, str, int, str], list[Slice]] = {}
    for message in messages:
        sample = message.content
        key = message.execution_id, sample.file_url, sample.file_size_bytes, sample.checksum
        samples.setdefault(key, []).append(message)
    return list(samples.values())
