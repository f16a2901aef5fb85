"""Which files of STFs somebody still needs, by what is recorded (decisions 0016 and 0033)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import NamedTuple

from django.conf import settings
from django.db.models import BooleanField, Count, ExpressionWrapper, Q, Sum
from django.utils import timezone

from monitor.control.commands import NoAnswer, control
from monitor.records.models import FastMonFile, StageRecord, StfFile, TFSlice, WorkflowExecution
from monitor.records.queries.stages import MARKS, SAMPLES_MARK
from swf_common.configuration.participants import Participant, all_known, participants, stages_of
from swf_common.protocol.progress import BUILT_IN, PROCESSED, REGISTERED, SAMPLED, SLICED
from swf_common.protocol.states import FileStatus, SliceStatus

SLICE_ENDED = (SliceStatus.COMPLETED, SliceStatus.FAILED)


class StfOfRun(NamedTuple):
    """An STF whose files lie on a volume; it need not be recorded."""

    run_number: int
    stf_filename: str


@dataclass(frozen=True)
class _Stf:
    """What is recorded of an STF.

    :param status: empty while it is not registered
    :param ended: the stages at which it has come to its end, well or not
    """

    status: str
    has_samples: bool
    ended: frozenset[str]

    @property
    def registered(self) -> bool:
        return REGISTERED in self.ended

    @property
    def rejected(self) -> bool:
        """Whether it failed when it was registered: nobody is told that it is ready."""
        return self.status == FileStatus.FAILED and self.ended.isdisjoint(MARKS)


class _Execution:
    """An execution that made a run, and who takes part in it."""

    def __init__(self, row: WorkflowExecution, nothing_waits: Callable[[], bool]) -> None:
        self.execution_id = row.execution_id
        self.agents = participants(row.parameter_values)
        self.stages = stages_of(self.agents)
        self._ended = row.end_time is not None
        self._nothing_waits = nothing_waits

    @cached_property
    def unfinished(self) -> bool:
        """Whether somebody may still get a message of it."""
        return not self._ended or not self._nothing_waits()

    def may_have(self, unseen: Callable[[Participant], bool]) -> bool:
        """Whether an agent may be at work of which no record says when it has come to an end."""
        return (not all_known(self.agents) or any(map(unseen, self.agents))) and self.unfinished


class Needs:
    """What is needed of some STFs; a few questions to the database, however many they are.

    A run without an execution needs nothing, nor does one whose execution ended long ago: what
    waited for it is not handed to anybody any more (decision 0027).
    """

    def __init__(self, files: Sequence[StfOfRun]) -> None:
        self._files = files
        self._runs = self._executions_of({one.run_number for one in files})
        self._stfs = self._stfs_of({one.stf_filename for one in files})

    def on(self, volume: str) -> list[bool]:
        """Per file, whether it is needed.

        :param volume: one of `VOLUMES`
        """
        rule = VOLUMES[volume]
        found = [(self._runs.get(one.run_number), one.stf_filename) for one in self._files]
        return [execution is not None and rule(self, execution, stf) for execution, stf in found]

    def stf(self, execution: _Execution, stf: str) -> bool:
        """Whether the STF itself is needed: until each agent that takes part has come to an end
        with it. An agent that accounts for nothing leaves no trace by which that could be known:
        then every STF is needed until the execution has ended and no message waits for anybody.
        """
        if execution.may_have(lambda one: one.enabled and not one.stages):
            return True
        known = self._stfs[stf]
        handed_on = (REGISTERED, *MARKS) if known.registered else (REGISTERED,)
        waited_for = {
            stage for stage in execution.stages if stage in handed_on or _is_custom(stage)
        }
        return not known.rejected and bool(waited_for - known.ended)

    def samples(self, execution: _Execution, stf: str) -> bool:
        """Whether TF samples of the STF are needed: until each of their slices has its result."""
        known = self._stfs[stf]
        if SLICED not in execution.stages and not execution.may_have(lambda _: False):
            return False
        if not known.registered or known.rejected:
            return False
        if SAMPLED not in known.ended:
            return True
        return known.has_samples and stf not in self._sliced

    def output(self, _execution: _Execution, stf: str) -> bool:
        """Whether the output of the STF is needed: until it is recorded."""
        known = self._stfs[stf]
        return known.registered and not known.rejected and PROCESSED not in known.ended

    def _executions_of(self, runs: set[int]) -> dict[int, _Execution]:
        rows = WorkflowExecution.objects.filter(run_number__in=runs)
        days = settings.TESTBED_QUEUE_RETENTION_DAYS
        if days > 0:
            rows = rows.exclude(end_time__lt=timezone.now() - timedelta(days=days))
        newest = rows.order_by("run_number", "-start_time").distinct("run_number")
        return {row.run_number or 0: _Execution(row, self._nothing_waits) for row in newest}

    def _stfs_of(self, names: set[str]) -> dict[str, _Stf]:
        ended: dict[str, set[str]] = {name: set() for name in names}
        custom = StageRecord.objects.filter(
            execution_id__in=[one.execution_id for one in self._runs.values()], unit__in=names
        )
        for unit, stage in custom.values_list("unit", "stage"):
            ended[unit].add(stage)
        has = {
            mark: ExpressionWrapper(Q(metadata__has_key=mark), BooleanField())
            for mark in (*MARKS.values(), SAMPLES_MARK)
        }
        rows = StfFile.objects.filter(stf_filename__in=names).order_by()
        found = {
            name: (status, {mark for mark, value in zip(has, marks, strict=True) if value})
            for name, status, *marks in rows.values_list("stf_filename", "status", *has.values())
        }
        for name, (_, marks) in found.items():
            ended[name] |= {REGISTERED, *(stage for stage in MARKS if MARKS[stage] in marks)}
        nothing: tuple[str, set[str]] = "", set()
        return {
            name: _Stf(status, SAMPLES_MARK in marks, frozenset(ended[name]))
            for name in names
            for status, marks in [found.get(name, nothing)]
        }

    @cached_property
    def _sliced(self) -> frozenset[str]:
        """The STFs all of whose samples are in slices that have come to their end."""
        names = list(self._stfs)
        slices = (
            TFSlice.objects.filter(stf_filename__in=names)
            .order_by()
            .values_list("stf_filename")
            .annotate(
                tfs=Sum("tf_count"), unfinished=Count("pk", filter=~Q(status__in=SLICE_ENDED))
            )
        )
        cut = {name: tfs for name, tfs, unfinished in slices if not unfinished}
        samples = dict(
            FastMonFile.objects.filter(stf_file__stf_filename__in=names)
            .order_by()
            .values_list("stf_file__stf_filename")
            .annotate(Sum("tf_count"))
        )
        waiting = {name for name, _, unfinished in slices if unfinished}
        return frozenset(
            name
            for name in names
            if name not in waiting and cut.get(name, 0) >= (samples.get(name) or 0)
        )

    @cached_property
    def _queues_are_empty(self) -> bool:
        try:
            return not any(queue["depth"] for queue in control().queue_depths())
        except NoAnswer:
            return False

    def _nothing_waits(self) -> bool:
        return self._queues_are_empty


VOLUMES: dict[str, Callable[[Needs, _Execution, str], bool]] = {
    "daq": Needs.stf,
    "tf-samples": Needs.samples,
    "processed": Needs.output,
}
"""What decides, by the volume that the files lie on."""


def _is_custom(stage: str) -> bool:
    return stage.startswith("stf.") and stage not in BUILT_IN
