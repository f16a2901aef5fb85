"""How far a run has come, and whether it has drained: all that it made is accounted for. Pure.

The command and the monitor judge with this module, so that they agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from swf_common.protocol.states import ExecutionStatus

Stages = Mapping[str, Mapping[str, int]]
"""By name, how many came to their end at a stage: `done` well, and `failed`."""

GENERATED = "stf.generated"
REGISTERED = "stf.registered"
"""The stage whose agent also closes the run's record."""
PROCESSED = "stf.processed"
SAMPLED = "stf.sampled"
SLICED = "tfs.sliced"
SLICES_PROCESSED = "slices.processed"
BUILT_IN = (GENERATED, REGISTERED, SAMPLED, PROCESSED, SLICED, SLICES_PROCESSED)
"""Stages that are counted from the records of files, slices and messages. Every other one is
`stf.<name>`, and counted from what agents record of it."""
CUSTOM_STAGE = r"^stf\.[a-z0-9_-]{1,60}$"
UNITS = {"stf": "STFs", "tfs": "TFs", "slices": "slices"}
"""What the first part of a stage's name counts."""

MOST_PLANNED = 10**9

DAQ_PHASES = {
    "run_imminent": "imminent",
    "start_run": "running",
    "pause_run": "paused",
    "resume_run": "running",
    "end_run": "ended",
}
"""The messages of a run's life cycle in their order, and the phase of the DAQ's run after each."""
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
    :param stages: of the agents that take part; those at which something was seen where it is not
        known who does
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
    stages: Stages = field(default_factory=dict)

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
    def made(self) -> int:
        """How many STFs the run has: the largest known count."""
        known = (self.total_stf_files, self.stf_sent, self.stf["registered"])
        return max(self.stf["generated"], *(count or 0 for count in known))

    @property
    def further(self) -> Stages:
        """By the names of their stages, what STFs came to beside what `stf` counts."""
        parts = [(stage.partition("."), counts) for stage, counts in self.stages.items()]
        return {
            name: counts
            for (unit, _, name), counts in parts
            if unit == "stf" and name not in self.stf
        }

    def of(self, stage: str) -> int:
        """How many STFs, TFs or slices have to come to their end at a stage."""
        wholes = {SLICED: self.tfs["sampled"], SLICES_PROCESSED: self.slices["created"]}
        return wholes.get(stage, self.made)


def open_items(
    progress: Progress,
    stages: Iterable[str],
    queues: Iterable[Mapping[str, Any]] | None,
    busy_agents: Iterable[str],
) -> list[str]:
    """What is not accounted for yet; empty when the run has drained.

    :param stages: those that the selected agents bring every STF, TF or slice to
    :param queues: the consumer queues with their depths; None when the broker does not say
    :param busy_agents: per agent that is not idle and READY, a few words on it
    """
    if not progress.status.final:
        return [f"the workflow is {progress.status}"]
    items = []
    if progress.lacks_end:
        items.append("end_run is not recorded")
    if REGISTERED in stages and progress.run_announced and not progress.run_ended:
        items.append("the run's record has no end time")
    unrecorded = progress.made - progress.stf["generated"]
    if unrecorded:
        items.append(f"{unrecorded} of {progress.made} stf_gen messages are not recorded")
    for stage in stages:
        counted = progress.stages.get(stage, {})
        missing = progress.of(stage) - sum(counted.values())
        if missing > 0 and stage != GENERATED:
            items.append(f"{missing} {in_words(stage, 'are not ')}")
    if queues is None:
        items.append("the broker did not report its queues")
    else:
        items += [
            f"{queue['depth']} messages wait in {queue['queue']}"
            for queue in queues
            if queue["depth"] > 0
        ]
    return [*items, *busy_agents]


def in_words(stage: str, between: str = "") -> str:
    """A stage for people.

    >>> in_words("stf.processed"), in_words("tfs.sliced", "are not ")
    ('STFs processed', 'TFs are not sliced')
    """
    unit, _, name = stage.partition(".")
    return f"{UNITS.get(unit, unit)} {between}{name}"


def built_in_stages(
    stf: Mapping[str, int],
    tfs: Mapping[str, int],
    slices: Mapping[str, int],
    *,
    sampled: int,
    unsampled: int = 0,
    rejected: int = 0,
) -> Stages:
    """The counts of the stages that follow from other counts of a progress.

    :param sampled: STFs that fast monitoring is done with, `unsampled` and `rejected` among them
    :param unsampled: STFs of which no sample could be made
    :param rejected: STFs that failed when they were registered, and that nobody gets
    """
    ended = {
        GENERATED: (stf["generated"], 0),
        REGISTERED: (stf["registered"] - rejected, rejected),
        SAMPLED: (sampled - unsampled - rejected, unsampled + rejected),
        PROCESSED: (stf["processed"], stf["failed"]),
        SLICED: (tfs["in_slices"], 0),
        SLICES_PROCESSED: (slices["completed"], slices["failed"]),
    }
    return {name: {"done": done, "failed": failed} for name, (done, failed) in ended.items()}


def planned_stfs(parameters: Mapping[str, Any]) -> int:
    """STFs that the parameters of a data taking ask for; 0 where they leave it open."""
    counts = [parameters.get(name) for name in ("physics_period_count", "stf_count")]
    known = [int(one) for one in counts if isinstance(one, int | float) and 0 < one < MOST_PLANNED]
    return known[0] * known[1] if len(known) == len(counts) else 0
