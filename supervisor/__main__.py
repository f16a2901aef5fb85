"""`python -m supervisor`: serve the commands of one namespace until SIGTERM or SIGINT."""

from __future__ import annotations

import sys

from supervisor.docker_engine import DockerEngine
from supervisor.service import Supervisor
from supervisor.settings import Settings
from swf_common.service.process import main


def make() -> Supervisor:
    """The supervisor that the environment asks for.

    :raises SettingsError: a setting is wrong
    """
    settings = Settings.from_environment()
    return Supervisor(settings, DockerEngine(settings.project))


if __name__ == "__main__":
    sys.exit(main(make))
