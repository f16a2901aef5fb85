"""Whether a run has drained: all that it made is accounted for (design, section 8). Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from testbed.protocol.states import ExecutionStatus

REGISTERED = "stf.registered"
"""The stage whose agent also closes the run's record."""
SLICED = "tfs.sliced"
PROCESSED = "slices.processed"


@dataclass(frozen=True)
class Progress:
    """Counts of an execution, as the monitor gives them.

    :param total_stf_files: what `end_run` said; None while the run is open
    :param run_ended: the run's record has an end time
    :param stf_sent: what the runner says it generated; None before the end
    :param dead_letters: messages of the execution that nobody could handle
    :param stf_sampled: STFs that were looked at for samples, failed ones too
    :param tfs: time frames `sampled`, `in_slices` and `in_results`
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

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> Progress:
        """Read the monitor's answer."""
        fields = {name: answer[name] for name in cls.__dataclass_fields__}
        return cls(**{**fields, "status": ExecutionStatus(answer["status"])})

    @property
    def lacks_end(self) -> bool:
        """Whether the run was announced and its `end_run` is not recorded."""
        return self.run_announced and self.total_stf_files is None

    @property
    def done(self) -> Mapping[str, int]:
        """Per stage of the STFs, how many have come to an end there: failed ones have, too."""
        return {
            REGISTERED: self.stf["registered"],
            "stf.processed": self.stf["processed"] + self.stf["failed"],
            "stf.sampled": self.stf_sampled,
        }

    @property
    def unfinished(self) -> Mapping[str, str]:
        """Per stage of the fast path, what has not come to an end there; empty when all has."""
        unsliced = self.tfs["sampled"] - self.tfs["in_slices"]
        slices = self.slices
        unprocessed = slices["created"] - slices["completed"] - slices["failed"]
        return {
            SLICED: f"{unsliced} TFs are in no slice" if unsliced else "",
            PROCESSED: f"{unprocessed} slices have no result" if unprocessed else "",
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
    :param busy_agents: agents that are not READY
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
        items.append("the broker does not tell its queues")
    else:
        items += [
            f"{queue['depth']} messages wait in {queue['queue']}"
            for queue in queues
            if queue["depth"] > 0
        ]
    items += [f"{agent} is not READY" for agent in busy_agents]
    return items
