"""How far a run has come, and whether it has drained: all that it made is accounted for. Pure.

The command and the monitor judge with this module, so that they agree.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from swf_common.protocol.states import ExecutionStatus

REGISTERED = "stf.registered"
"""The stage whose agent also closes the run's record."""
PROCESSED = "stf.processed"
SAMPLED = "stf.sampled"
SLICED = "tfs.sliced"
SLICES_PROCESSED = "slices.processed"

MOST_PLANNED = 10**9

DAQ_PHASES = {
    "run_imminent": "imminent",
    "start_run": "running",
    "pause_run": "paused",
    "resume_run": "running",
    "end_run": "ended",
}
"""The phase of the DAQ's run by the last message of its life cycle."""
PHASES = {
    "unknown": "starting",
    "imminent": "announced",
    "running": "taking data",
    "paused": "standby",
    "ended": "closing",
}
"""The same in an operator's words."""


@dataclass(frozen=True)
class Progress:
    """Counts of an execution, as the monitor gives them.

    :param total_stf_files: what `end_run` said; None while the run is open
    :param run_ended: the run's record has an end time
    :param stf_sent: what the runner says it generated; None before the end
    :param dead_letters: messages of the execution that nobody could handle
    :param stf_sampled: STFs that were looked at for samples, failed ones too
    :param tfs: time frames `sampled`, `in_slices` and `in_results`
    :param daq_phase: a value of `DAQ_PHASES`, or unknown before the run is announced
    """

    execution_id: str
    run_id: str | None
    status: ExecutionStatus
    reason: str
    total_stf_files: int | None
    run_announced: bool
    run_ended: bool
    stf_sent: int | None
    dead_letters: int
    stf: Mapping[str, int]
    stf_sampled: int
    tf_files: int
    tfs: Mapping[str, int]
    slices: Mapping[str, int]
    messages: int
    daq_phase: str = "unknown"

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> Progress:
        """Read the monitor's answer."""
        fields = {name: answer[name] for name in cls.__dataclass_fields__ if name in answer}
        return cls(**{**fields, "status": ExecutionStatus(answer["status"])})

    @classmethod
    def unknown(cls, execution_id: str) -> Progress:
        """The progress of an execution that was started, and of which nothing was seen."""
        stages = ("generated", "registered", "processed", "failed")
        return cls(
            execution_id=execution_id,
            run_id=None,
            status=ExecutionStatus.RUNNING,
            reason="",
            total_stf_files=None,
            run_announced=False,
            run_ended=False,
            stf_sent=None,
            dead_letters=0,
            stf=dict.fromkeys(stages, 0),
            stf_sampled=0,
            tf_files=0,
            tfs=dict.fromkeys(("sampled", "in_slices", "in_results"), 0),
            slices=dict.fromkeys(("created", "completed", "failed"), 0),
            messages=0,
        )

    @property
    def lacks_end(self) -> bool:
        """Whether the run was announced and its `end_run` is not recorded."""
        return self.run_announced and self.total_stf_files is None

    def phase(self, open_now: Iterable[str]) -> str:
        """Where the run stands, in a word or two.

        :param open_now: what `open_items` gave
        """
        if self.status.final:
            return "draining" if any(True for _ in open_now) else "drained"
        return PHASES.get(self.daq_phase, self.daq_phase)

    @property
    def evident_stages(self) -> tuple[str, ...]:
        """The stages at which something of the run was seen.

        They stand in for the configured ones where these are unknown, as for a run that was
        started by hand: an agent that did nothing at all is not missed then.
        """
        seen = {
            REGISTERED: self.stf["registered"],
            PROCESSED: self.stf["processed"],
            SAMPLED: self.stf_sampled,
            SLICED: self.tfs["in_slices"],
            SLICES_PROCESSED: self.slices["created"],
        }
        return tuple(stage for stage, count in seen.items() if count)

    @property
    def done(self) -> Mapping[str, int]:
        """Per stage of the STFs, how many have come to an end there: failed ones have, too."""
        return {
            REGISTERED: self.stf["registered"],
            PROCESSED: self.stf["processed"] + self.stf["failed"],
            SAMPLED: self.stf_sampled,
        }

    @property
    def unfinished(self) -> Mapping[str, str]:
        """Per stage of the fast path, what has not come to an end there; empty when all has."""
        unsliced = self.tfs["sampled"] - self.tfs["in_slices"]
        slices = self.slices
        unprocessed = slices["created"] - slices["completed"] - slices["failed"]
        return {
            SLICED: f"{unsliced} TFs are in no slice" if unsliced else "",
            SLICES_PROCESSED: f"{unprocessed} slices have no result" if unprocessed else "",
        }


def open_items(
    progress: Progress,
    accounts: Collection[str],
    queues: Iterable[Mapping[str, Any]] | None,
    busy_agents: Iterable[str],
) -> list[str]:
    """What is not accounted for yet; empty when the run has drained.

    :param accounts: the stages that the selected agents bring every STF, TF or slice to
    :param queues: the consumer queues with their depths; None when the broker does not say
    :param busy_agents: per agent that is not idle and READY, a few words on it
    """
    if not progress.status.final:
        return [f"the workflow is {progress.status}"]
    items = []
    if progress.lacks_end:
        items.append("end_run is not recorded")
    generated = progress.stf["generated"]
    total = max(progress.total_stf_files or 0, progress.stf_sent or 0, progress.stf["registered"])
    if REGISTERED in accounts and progress.run_announced and not progress.run_ended:
        items.append("the run's record has no end time")
    if generated < total:
        items.append(f"{total - generated} of {total} stf_gen messages are not recorded")
    for stage in accounts:
        if stage in progress.unfinished:
            items += filter(None, [progress.unfinished[stage]])
            continue
        missing = max(total, generated) - progress.done[stage]
        if missing > 0:
            items.append(f"{missing} STFs are not {stage.partition('.')[2]}")
    if queues is None:
        items.append("the broker did not report its queues")
    else:
        items += [
            f"{queue['depth']} messages wait in {queue['queue']}"
            for queue in queues
            if queue["depth"] > 0
        ]
    return [*items, *busy_agents]


def planned_stfs(parameters: Mapping[str, Any]) -> int:
    """STFs that the parameters of a data taking ask for; 0 where they leave it open."""
    counts = [parameters.get(name) for name in ("physics_period_count", "stf_count")]
    known = [int(one) for one in counts if isinstance(one, int | float) and 0 < one < MOST_PLANNED]
    return known[0] * known[1] if len(known) == len(counts) else 0
