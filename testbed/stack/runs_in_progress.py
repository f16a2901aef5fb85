"""What a start would do to a run in progress. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from swf_common.errors import ExitCode, TestbedError
from testbed.engine.inspection import Container
from testbed.gate.plan import Plan


class RunInProgress(TestbedError):
    """{runs} is in progress, and this would {changes}."""

    hint = (
        "Wait for its end (testbed status), or end it: testbed stop. --force disturbs it; "
        "--namespace NAME is a testbed beside this one."
    )
    exit_code = ExitCode.WORKFLOW_FAILED


class RunsUnknown(RunInProgress):
    """A run may be in progress ({cause}), and this would {changes}."""

    hint = "See: testbed status, testbed logs monitor. --force does it all the same."


def disturbances(
    plan: Plan, containers: Iterable[Container], hashes: Mapping[str, str]
) -> list[str]:
    """What a start would stop, replace or remove of what runs.

    :param hashes: by service, the digest of its present configuration
    """
    running = [one for one in containers if one.state in ("running", "restarting")]
    off = {*plan.others, *plan.switched_off}
    wanted = set(plan.services)
    stopped = {one.program for one in running if one.program in off}
    replaced = {
        one.program
        for one in running
        if one.program in wanted and one.config_hash != hashes.get(one.program)
    }
    counts = Counter(one.program for one in running)
    fewer = {name for name, scale in plan.scales.items() if counts[name] > scale}
    return [
        f"{verb} {', '.join(sorted(names))}"
        for verb, names in (
            ("stop", stopped),
            ("replace", replaced),
            ("remove replicas of", fewer - replaced),
        )
        if names
    ]
