"""`python -m agents`: run the program that TESTBED_PROGRAM names.

The program `example-data-agent` is the class in `agents/programs/example_data_agent.py`: a
naming rule instead of a list, so that adding an agent changes nothing here.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

from agents.runtime import BaseAgent
from agents.runtime.settings import AgentSettings, SettingsError
from agents.runtime.watch import HandlerOverdue

HANDLER_OVERDUE = 75
"""Exit status of a program that ends itself because a handler does not return. Compose starts it
again."""


def find_program(program: str) -> type[BaseAgent]:
    """The agent class of a program.

    :raises SettingsError: no such module, or not exactly one agent in it
    """
    name = f"agents.programs.{program.replace('-', '_')}"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise SettingsError(f"there is no agent program {program!r}: no module {name}") from None
    found = [
        kind
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, BaseAgent) and kind.__module__ == name
    ]
    if len(found) != 1:
        raise SettingsError(f"{name} has to hold exactly one agent class, it holds {len(found)}")
    return found[0]


def main() -> int:
    """Run the program until SIGTERM or SIGINT; the process's exit status.

    It ends at once with `HANDLER_OVERDUE` when a handler does not return.
    """
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stdout,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
    )
    logging.getLogger("stomp.py").setLevel(logging.ERROR)  # its frames would show the password
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        settings = AgentSettings.from_environment()
        agent = find_program(settings.program)(settings)
    except SettingsError as error:
        logging.error("%s", error)
        return 2
    with ThreadPoolExecutor(1, thread_name_prefix="agent") as pool:
        life = pool.submit(agent.run)
        while not life.done():
            if signal.sigtimedwait(signals, 0.25):
                agent.stop()
    try:
        life.result()
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
