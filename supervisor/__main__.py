"""`python -m supervisor`: serve the commands of one namespace until SIGTERM or SIGINT."""

from __future__ import annotations

import logging
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

from supervisor.docker_engine import DockerEngine
from supervisor.service import Supervisor
from supervisor.settings import Settings, SettingsError


def main() -> int:
    """The process's exit status."""
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stdout,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
    )
    logging.getLogger("stomp.py").setLevel(logging.ERROR)  # its frames would show the password
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        logging.error("%s", error)
        return 2
    supervisor = Supervisor(settings, DockerEngine(settings.project))
    with ThreadPoolExecutor(1, thread_name_prefix="supervisor") as pool:
        life = pool.submit(supervisor.run)
        while not life.done():
            if signal.sigtimedwait(signals, 0.25):
                supervisor.stop()
    try:
        life.result()
    except Exception:
        logging.exception("the supervisor ended with an error")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
