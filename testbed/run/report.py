"""The outcome of a run: its verdict, its JSON object, its lines for people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from swf_common.configuration.expectations import Expectation, judged
from swf_common.configuration.model import ExpectSection
from swf_common.errors import ExitCode
from swf_common.protocol.progress import BUILT_IN, Progress
from swf_common.protocol.states import ExecutionStatus

VERDICTS = {ExitCode.DONE: "PASSED", ExitCode.INTERRUPTED: "INTERRUPTED"}


@dataclass(frozen=True)
class PastVerdict:
    """A verdict that was given before: it is repeated, not judged again."""

    status: str
    reason: str
    exit_code: ExitCode
    expectations: list[Expectation]


@dataclass
class Report:
    """What came of `testbed run`.

    :param duration_s: seconds from the run command to drained, or until waiting was given up
    :param ready_s: seconds that the agents took to be ready; None: unknown
    :param undrained: what was still open when waiting was given up
    :param incidents: what happened to the containers (fields of `Incident.as_json`)
    :param ended_by: what ended the command before the run was judged
    :param past: the verdict that was given before, of a run that is over
    """

    namespace: str
    progress: Progress
    ready_s: float | None
    duration_s: float
    expect: ExpectSection
    undrained: list[str] = field(default_factory=list)
    incidents: list[dict[str, Any]] = field(default_factory=list)
    monitor_url: str = ""
    run_record: str = ""
    ended_by: ExitCode | None = None
    past: PastVerdict | None = None

    @property
    def expectations(self) -> list[Expectation]:
        if self.past:
            return self.past.expectations
        return judged(self.expect, vars(self.progress), self.duration_s)

    @property
    def status(self) -> str:
        """The run's true status: a completed workflow that lost something has failed."""
        if self.past:
            return self.past.status
        if self.progress.status == ExecutionStatus.COMPLETED and self.undrained:
            return ExecutionStatus.FAILED
        return self.progress.status

    @property
    def reason(self) -> str:
        if self.past:
            return self.past.reason
        return "; ".join([self.progress.reason or str(self.progress.status), *self.failures])

    @property
    def failures(self) -> list[str]:
        """What went wrong, besides what the workflow itself says and besides expectations."""
        letters, stfs = self.progress.dead_letters, self.unexpected_failures
        failures = ["not drained: " + ", ".join(self.undrained)] if self.undrained else []
        failures += [f"{counted(letters, 'message')} became dead letters"] if letters else []
        failures += [f"{counted(stfs, 'STF')} failed"] if stfs else []
        failures += [
            f"{counted(number, 'STF')} failed at {stage}"
            for stage, number in self.stage_failures.items()
        ]
        slices = self.progress.slices["failed"]
        return failures + ([f"{counted(slices, 'slice')} failed"] if slices else [])

    @property
    def exit_code(self) -> ExitCode:
        """What `testbed run` exits with."""
        if self.past:
            return self.past.exit_code
        if self.ended_by is not None:
            return self.ended_by
        if self.status != ExecutionStatus.COMPLETED or self.missed or self.lost:
            return ExitCode.WORKFLOW_FAILED
        return ExitCode.DONE

    @property
    def cut_short(self) -> bool:
        """Whether the command ended before the run could be judged."""
        return self.exit_code not in (ExitCode.DONE, ExitCode.WORKFLOW_FAILED)

    @property
    def missed(self) -> list[Expectation]:
        """Expectations that were not met."""
        return [expectation for expectation in self.expectations if not expectation.ok]

    @property
    def unexpected_failures(self) -> int:
        """STFs that failed beyond what `[expect] stf_failed` allows."""
        return max(0, self.progress.stf["failed"] - (self.expect.stf_failed or 0))

    @property
    def stage_failures(self) -> dict[str, int]:
        """By stage, STFs that failed where an agent brings a stage of its own along. Those that
        nobody got, as they failed when they were registered, are among the failed ones already.
        """
        stages = self.progress.stages
        own = {
            stage: one["failed"] - one.get("rejected", 0)
            for stage, one in stages.items()
            if stage not in BUILT_IN
        }
        return {stage: failed for stage, failed in own.items() if failed}

    @property
    def lost(self) -> bool:
        """Whether the run lost something that it was not expected to lose."""
        slices_failed = self.progress.slices["failed"]
        letters = self.progress.dead_letters
        return bool(self.unexpected_failures or letters or slices_failed or self.stage_failures)

    @property
    def verdict(self) -> str:
        """The outcome in one line, with what decided it."""
        code = self.exit_code
        word = VERDICTS.get(code, f"FAILED (exit code {int(code)})")
        if code == ExitCode.DONE:
            incidents = len(self.incidents)
            beside = f", with {counted(incidents, 'incident')}" if incidents else ""
            return f"{word}: {self._achieved()}{beside}"
        missed = [f"{one.name} is {one.seen:g} instead of {one.wanted:g}" for one in self.missed]
        why = [self.reason] if self.status != ExecutionStatus.COMPLETED else self.failures
        if self.past and not (why or missed):
            why = [self.reason]
        return f"{word}: {'; '.join([*why, *missed]) or self.reason}"

    def as_json(self) -> dict[str, Any]:
        """The object that `testbed run --json` prints (docs/command.md)."""
        return {
            "execution_id": self.progress.execution_id,
            "run_id": self.progress.run_id,
            "namespace": self.namespace,
            "status": self.status,
            "reason": self.reason,
            "verdict": self.verdict,
            "exit_code": int(self.exit_code),
            "duration_s": round(self.duration_s, 3),
            "ready_s": None if self.ready_s is None else round(self.ready_s, 3),
            "stf": dict(self.progress.stf),
            "tf_files": self.progress.tf_files,
            "slices": dict(self.progress.slices),
            "stages": {name: dict(counts) for name, counts in self.progress.stages.items()},
            "messages": self.progress.messages,
            "dead_letters": self.progress.dead_letters,
            "undrained": self.undrained,
            "expectations": [expectation.as_json() for expectation in self.expectations],
            "incidents": self.incidents,
            "run_record": self.run_record,
        }

    def for_monitor(self) -> dict[str, Any]:
        """What the monitor keeps of it beside its own counts."""
        kept = (
            *("exit_code", "verdict", "status", "reason", "duration_s", "ready_s"),
            *("undrained", "expectations", "incidents"),
        )
        whole = self.as_json()
        return {name: whole[name] for name in kept}

    def lines(self) -> list[str]:
        """The report for people: the verdict first."""
        shown = [
            f"Verdict     {self.verdict}",
            f"Execution   {self.progress.execution_id}, run {self.progress.run_id}, "
            f"namespace {self.namespace}",
            f"Workflow    {self.progress.status}"
            + (f" ({self.progress.reason})" if self._reason_says_more else ""),
            "Time        " + self._time(),
            "STF files   " + ", ".join(f"{count} {name}" for name, count in self._stf_counts()),
            f"Messages    {self.progress.messages} recorded",
        ]
        if self.progress.tf_files:
            tfs, slices = self.progress.tfs, self.progress.slices
            shown += [
                f"TF samples  {self.progress.tf_files}: {tfs['sampled']} TFs, "
                f"{tfs['in_results']} in results",
                f"Slices      {slices['created']} created, {slices['completed']} completed, "
                f"{slices['failed']} failed",
            ]
        shown += [f"Open        {item}" for item in self.undrained]
        shown += [
            f"Expected    {item.name} {item.wanted:g}: "
            + (f"{item.seen:g}, ok" if item.ok else f"MISSED, {item.seen:g} seen")
            for item in self.expectations
        ]
        shown += [f"Incident    {incident['text']}" for incident in self.incidents]
        if self.run_record:
            shown.append(f"Run record  {self.run_record}")
        if self.monitor_url:
            shown.append(f"Monitor     {self.monitor_url}")
        return shown

    def _stf_counts(self) -> list[tuple[str, int]]:
        """What the STFs came to, by name, with the failures where `stf` does not count them."""
        counts = list(self.progress.stf.items())
        for name, one in self.progress.further.items():
            failed = f" ({one['failed']} failed)" if one["failed"] else ""
            counts.append((name + failed, one["done"]))
        return counts

    @property
    def _reason_says_more(self) -> bool:
        return self.progress.reason not in ("", str(self.progress.status))

    def _achieved(self) -> str:
        stf, slices = self.progress.stf, self.progress.slices
        done = f"{stf['processed']} of {stf['generated']} STFs processed"
        if slices["created"]:
            done = f"{slices['completed']} of {slices['created']} slices processed"
        elif not stf["processed"]:
            done = f"{stf['registered']} of {stf['generated']} STFs registered"
        return f"{done} in {self.duration_s:.1f} s"

    def _time(self) -> str:
        if self.ready_s is None:
            return f"{self.duration_s:.1f} s from the workflow's start to its end"
        end = "given up after" if self.undrained or self.cut_short else "drained in"
        return f"agents ready in {self.ready_s:.1f} s, run {end} {self.duration_s:.1f} s"


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "slice"), counted(2, "slice")
    ('1 slice', '2 slices')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def without_a_run(code: ExitCode, reason: str, *, unknown: bool = False) -> dict[str, Any]:
    """The JSON object of a `testbed run` that did not come to start its workflow.

    :param unknown: it was asked to start, and nobody answered: it may run
    """
    nothing = Report("", Progress.unknown(""), None, 0.0, ExpectSection(), ended_by=code)
    return {
        **nothing.as_json(),
        "execution_id": None,
        "namespace": None,
        "status": "unknown" if unknown else "not started",
        "reason": reason,
        "verdict": f"{VERDICTS.get(code, f'FAILED (exit code {int(code)})')}: {reason}",
    }
