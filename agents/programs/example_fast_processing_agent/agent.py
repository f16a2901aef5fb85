"""example-fast-processing-agent: cuts TF samples into slices and collects their results."""

from __future__ import annotations

import time
from collections import Counter
from datetime import timedelta
from uuid import uuid5

from agents.data.slicing import Slice as Cut
from agents.data.slicing import slices
from agents.programs.example_fast_processing_agent.pace import MeasuringPace
from agents.programs.example_fast_processing_agent.slice_records import (
    next_try,
    result_record,
    slice_content,
    slice_record,
    tried_slice,
)
from agents.runtime import BaseAgent, handles
from agents.runtime.settings import AgentSettings
from swf_common.configuration.groups import Slicing
from swf_common.protocol.destinations import EPICTOPIC, RESULTS, SLICES, WORKERS
from swf_common.protocol.json_values import as_object
from swf_common.protocol.message import utc_now
from swf_common.protocol.messages import EndRun, LifecycleMessage, RunImminent, TfFileRegistered
from swf_common.protocol.slices import (
    SLICE_LIFETIME_S,
    ResultContent,
    RunImminentWorker,
    Slice,
    SliceContent,
    SliceResult,
    SliceResults,
    WorkersWanted,
)
from swf_common.protocol.states import SliceStatus
from swf_common.service.monitor_client import MonitorRefused

REMEMBERED = timedelta(seconds=SLICE_LIFETIME_S)
"""How long after the end of a run results of it may come."""
ACCEPTED = [SliceResults.model_fields["msg_type"].default]
"""Message types, beside `slice_result`, with which workers may answer a slice."""
GATHER_S = 0.05
"""Seconds for which results of a burst gather: one request stores them, however many there are."""
METRICS = (
    "tf_files",
    "slices",
    "tfs",
    "hits",
    "clusters",
    "latency_s",
    "latency_to_slice_s",
    "latency_to_result_s",
    "slices_per_s",
)
"""What of an execution's progress becomes a metric of it."""


class ExampleFastProcessingAgent(BaseAgent):
    """Registers the slices of each TF sample, hands them to workers, and stores what they found.

    It keeps nothing that a restart would lose: what became of a slice stands in its record, so
    results may come in any order and more than once.
    """

    agent_type = "fast_processing"
    topics = (EPICTOPIC, RESULTS)

    def __init__(self, settings: AgentSettings) -> None:
        super().__init__(settings)
        self._ended: set[str] = set()
        self._pace = MeasuringPace()

    def on_ready(self) -> None:
        """Learn which runs have ended: their results may still come."""
        since = (utc_now() - REMEMBERED).isoformat()
        events = self.monitor.call("GET", "system-state-events/", event_type="end_run", since=since)
        self._ended = {as_object(event["event_data"]).get("execution_id", "") for event in events}

    @handles("run_imminent")
    def prepare_run(self, message: RunImminent) -> None:
        """Tell the workers what the run will want of them."""
        parameters = self.parameters.of(message.execution_id)
        wanted = WorkersWanted.model_validate(
            {
                **message.model_dump(mode="json", exclude_none=True),
                **{name: parameters.get(name) for name in WorkersWanted.model_fields},
                "execution_id": message.execution_id,
                "run_id": message.run_id,
                "core_count": parameters.get("target_worker_count"),
            }
        )
        self.publish(
            WORKERS,
            RunImminentWorker(
                execution_id=message.execution_id, run_id=message.run_id, content=wanted
            ),
        )
        self._note(message)

    @handles("start_run")
    @handles("pause_run")
    @handles("resume_run")
    def follow_run(self, message: LifecycleMessage) -> None:
        """Record where the run is."""
        self._note(message)

    @handles("tf_file_registered", batch=50)
    def cut_samples(self, messages: list[TfFileRegistered]) -> None:
        """Register the slices of TF samples in one request, and hand them to workers."""
        cuts = [(message, self._cut(message)) for message in messages]
        self.monitor.call(
            "POST",
            "tf-slices/",
            [
                slice_record(message, cut, self.instance_name)
                for message, parts in cuts
                for cut in parts
            ],
            minimal=True,
        )
        for message, parts in cuts:
            for cut in parts:
                self._send(slice_content(message, cut))

    @handles("slice_result", batch=100, gather_s=GATHER_S)
    def collect_results(self, messages: list[SliceResult]) -> None:
        """Store results in one request; slices that failed are sent again."""
        self._collect([message.content for message in messages])

    @handles("slice_results", batch=20, gather_s=GATHER_S)
    def collect_batches(self, messages: list[SliceResults]) -> None:
        """Store results that came several in a message. When the monitor refuses those of one
        message, each is stored alone, so that a bad one does not hold back the others.
        """
        try:
            self._collect([one for message in messages for one in message.content.results])
        except MonitorRefused:
            if len(messages) > 1:
                raise
            for one in messages[0].content.results:
                self._collect_alone(messages[0], one)

    def _collect_alone(self, message: SliceResults, content: ResultContent) -> None:
        """Store one result. One that is refused is sent again as a message of its own, which
        becomes the dead letter. Raising here would take back the next tries of the others: what a
        handler that fails has published is not sent.
        """
        try:
            self._collect([content])
        except MonitorRefused as error:
            self.log.error(
                "the result of %s is refused: %s", tried_slice(content).tf_filename, error
            )
            single = SliceResult(
                message_id=uuid5(message.message_id, str(content.req_id)),
                execution_id=message.execution_id,
                run_id=message.run_id,
                content=content,
            )
            self.publish(RESULTS, single)

    def _collect(self, contents: list[ResultContent]) -> None:
        rows = [result_record(content) for content in contents]
        for content in contents:
            if content.state != "done":
                name = tried_slice(content).tf_filename
                self.log.warning("%s failed: %s", name, content.result.error)
        stored = self.monitor.call("POST", "tf-slices/results/", rows, minimal=True)
        done: Counter[str] = Counter()
        for content, row, now in zip(contents, rows, stored, strict=True):
            again = row["attempt"] + 1
            waits = now["status"] == SliceStatus.QUEUED and now["retries"] == again
            if row["status"] == SliceStatus.QUEUED and waits:
                self._send(next_try(tried_slice(content), again))
            ended = now["status"] in (SliceStatus.COMPLETED, SliceStatus.FAILED)
            done[tried_slice(content).execution_id] += ended
        for execution_id in done.keys() & self._ended:
            self._pace.ended(execution_id, done[execution_id])
            if self._pace.is_due(execution_id):
                self._measure(execution_id)

    @handles("end_run")
    def end_run(self, message: EndRun) -> None:
        """Tell the workers that the run makes no new data."""
        for_workers = EndRun.model_validate(
            {
                **message.model_dump(exclude={"message_id", "timestamp"}),
                "created_at": utc_now(),
                "content": message.model_dump(mode="json", exclude_none=True),
            }
        )
        self.publish(WORKERS, for_workers)
        self._note(message)
        self._ended.add(message.execution_id)
        self._measure(message.execution_id)

    def _cut(self, message: TfFileRegistered) -> list[Cut]:
        settings = Slicing.of(self.parameters.of(message.execution_id))
        return slices(settings, message.tf_filename, message.tf_first, message.tf_last)

    def _send(self, content: SliceContent) -> None:
        expires = str(int((time.time() + SLICE_LIFETIME_S) * 1000))
        message = Slice(
            message_id=content.req_id,  # a repeated announcement of the same try counts once
            execution_id=content.execution_id,
            run_id=content.run_id,
            content=content,
            accepts=ACCEPTED,
        )
        self.publish(SLICES, message, {"expires": expires})

    def _note(self, message: LifecycleMessage) -> None:
        """Append an event of the run; one for each message, however often it comes."""
        key = str(message.message_id)
        known = self.monitor.call(
            "GET", "system-state-events/", run_number=message.run_id, event_type=message.msg_type
        )
        if any(as_object(row["event_data"]).get("message_id") == key for row in known):
            return
        event = {
            "timestamp": message.timestamp.isoformat(),
            "run_number": int(message.run_id),
            "event_type": message.msg_type,
            "state": message.state or "unknown",
            "substate": message.substate,
            "event_data": {
                "message_id": key,
                "execution_id": message.execution_id,
                "simulation_tick": message.simulation_tick,
                "created_by": self.instance_name,
            },
        }
        self.monitor.call("POST", "system-state-events/", event)

    def _measure(self, execution_id: str) -> None:
        """Keep how far the fast path has come among the execution's metrics."""
        path = f"workflow-executions/{execution_id}/"
        began = time.monotonic()
        progress = self.monitor.call("GET", f"{path}progress/")
        slices = progress["slices"]
        self._pace.measured(
            execution_id,
            slices["created"] - slices["completed"] - slices["failed"],
            time.monotonic() - began,
        )
        metrics = {name: progress.get(name) for name in METRICS}
        self.monitor.call("PATCH", path, {"performance_metrics": {"fast_processing": metrics}})
