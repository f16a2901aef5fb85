"""Questions that are answered inside the monitor's container.

A user who may run commands there can read every secret of the testbed anyway, so no secret is
needed.
"""

from __future__ import annotations

import json
from typing import Any

from swf_common.errors import ConfigurationError
from testbed.engine.containers import Containers
from testbed.monitor_client.errors import TestbedDown

COMMAND = ("python3", "-m", "monitor")


def ask(containers: Containers, project: str, what: str, *arguments: str) -> Any:
    """Run one of the monitor's commands there; its answer.

    :param what: the command, as `python -m monitor` knows it
    :raises TestbedDown: there is no container to ask in
    :raises ConfigurationError: the command refuses the arguments
    """
    code, output = containers.execute(_monitor(containers, project), [*COMMAND, what, *arguments])
    lines = output.strip().splitlines() or [""]
    if code:
        problem = lines[-1].removeprefix("CommandError: ")
        raise ConfigurationError(place=what, problem=problem)
    return json.loads(lines[-1])


def _monitor(containers: Containers, project: str) -> str:
    for container in containers.all():
        if container.program == "monitor" and container.state == "running":
            return container.container_id
    raise TestbedDown(project=project, cause="no container is its monitor")
