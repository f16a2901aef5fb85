"""`python -m supervisor`: serve the commands of one namespace until SIGTERM or SIGINT."""

from __future__ import annotations

import logging
import sys

from supervisor.docker_engine import DockerEngine
from supervisor.service import Supervisor
from supervisor.settings import Settings
from swf_common.service.process import prepare, run_until_signal
from swf_common.service.settings import SettingsError


def main() -> int:
    """The process's exit status."""
    prepare()
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        logging.error("%s", error)
        return 2
    try:
        run_until_signal(Supervisor(settings, DockerEngine(settings.project)))
    except Exception:
        logging.exception("the supervisor ended with an error")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
