"""The errors of the testbed: each says what failed, what was seen and what to do next.

A class's docstring is its message, formatted with the error's data fields; `hint` is the
next step for the user and `exit_code` is what the command exits with (docs/command.md).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, ClassVar


class ExitCode(IntEnum):
    """Exit codes of the `testbed` command."""

    DONE = 0
    UNEXPECTED = 1
    CONFIGURATION = 2
    NOT_READY = 3
    AGENT_DIED = 4
    BACKEND = 5
    WORKFLOW_FAILED = 6
    INTERRUPTED = 130


class TestbedError(Exception):
    """Something the user can act upon went wrong."""

    __test__ = False  # the name is not a test class's

    exit_code: ClassVar[ExitCode] = ExitCode.UNEXPECTED
    hint: str = ""

    def __init__(self, *, hint: str = "", **fields: Any) -> None:
        self.fields = fields
        if hint:
            self.hint = hint
        template = " ".join((type(self).__doc__ or "").split())
        super().__init__(template.format(**fields))

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["fields"][name]
        except KeyError:
            raise AttributeError(name) from None


class ConfigurationError(TestbedError):
    """{place}: {problem}"""

    exit_code = ExitCode.CONFIGURATION


class BackendError(TestbedError):
    """{what}"""

    exit_code = ExitCode.BACKEND
