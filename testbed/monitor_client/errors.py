"""What goes wrong between the command and the monitor."""

from __future__ import annotations

from swf_common.errors import BackendError, ExitCode, TestbedError


class MonitorUnavailable(BackendError):
    """The monitor does not answer: {cause}"""

    hint = "See: testbed status, testbed logs monitor"


class TestbedDown(MonitorUnavailable):
    """{project} does not run: {cause}"""

    hint = "Start it with: testbed up"


class MonitorRefused(TestbedError):
    """The monitor refused {request}: {status} {text}"""


class RunnerUnavailable(BackendError):
    """The workflow was not started: {cause}"""

    hint = "See: testbed status, testbed logs workflow-runner"


class RunnerSilent(BackendError):
    """The workflow may run: {cause}"""

    hint = "See: testbed status, testbed logs workflow-runner"


class WorkflowRefused(TestbedError):
    """The workflow was not started: {reason}"""

    hint = "What runs now: testbed status. To end it: testbed stop"
    exit_code = ExitCode.WORKFLOW_FAILED


class NotDone(TestbedError):
    """{what}: {reason}"""

    exit_code = ExitCode.CONFIGURATION
