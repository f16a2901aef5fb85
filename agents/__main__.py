"""`python -m agents`: run the program that TESTBED_PROGRAM names.

The program `example-data-agent` is the class in `agents/programs/example_data_agent/agent.py`: a
naming rule instead of a list, so that adding an agent changes nothing here.
"""

from __future__ import annotations

import importlib
import inspect
import sys

from agents.runtime import BaseAgent
from agents.runtime.settings import AgentSettings
from agents.runtime.watch import HandlerOverdue
from swf_common.service.process import main
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


def make() -> BaseAgent:
    """The agent that the environment asks for.

    :raises SettingsError: there is no such program, or a setting is wrong
    """
    settings = AgentSettings.from_environment()
    return find_program(settings.program)(settings)


if __name__ == "__main__":
    sys.exit(main(make, {HandlerOverdue: HANDLER_OVERDUE}))
