"""`python -m agents`: run the program that TESTBED_PROGRAM names.

The program `example-data-agent` is the class in `agents/programs/example_data_agent/agent.py`: a
naming rule instead of a list, so that adding an agent changes nothing here.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import os
import sys

from agents.runtime import BaseAgent
from agents.runtime.settings import AgentSettings
from agents.runtime.watch import HandlerOverdue
from swf_common.service.process import prepare, run_until_signal
from swf_common.service.settings import SettingsError

HANDLER_OVERDUE = 75
"""Exit status of a program that ends itself because a handler does not return. Compose starts it
again."""


def find_program(program: str) -> type[BaseAgent]:
    """The agent class of a program.

    :raises SettingsError: no such module, or not exactly one agent in it
    """
    package = f"agents.programs.{program.replace('-', '_')}"
    name = f"{package}.agent"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in (package, name):
            raise
        raise SettingsError(f"there is no agent program {program!r}: no module {name}") from None
    classes = [
        kind
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, BaseAgent) and kind.__module__ == name
    ]
    if len(classes) != 1:
        raise SettingsError(f"{name} has to hold exactly one agent class, it holds {len(classes)}")
    return classes[0]


def main() -> int:
    """Run the program until SIGTERM or SIGINT; the process's exit status.

    It ends at once with `HANDLER_OVERDUE` when a handler does not return.
    """
    prepare()
    try:
        settings = AgentSettings.from_environment()
        agent = find_program(settings.program)(settings)
    except SettingsError as error:
        logging.error("%s", error)
        return 2
    try:
        run_until_signal(agent)
    except HandlerOverdue as error:
        logging.critical("the agent ends itself: %s", error)
        sys.stdout.flush()
        os._exit(HANDLER_OVERDUE)  # the thread that does not return must not hold this up
    except Exception:
        logging.exception("the agent ended with an error")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
