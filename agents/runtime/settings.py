"""An agent's settings, from the environment that compose.yaml gives it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from swf_common.broker.model import Broker
from swf_common.service.settings import Environment

QUEUE_RETENTION_DAYS = 7.0


@dataclass(frozen=True)
class AgentSettings:
    """Where the agent belongs and whom it talks to.

    :param heartbeat_interval: seconds between periodic heartbeats
    :param queue_retention_days: days after an execution's end for which what waits for the agent,
        and its files, are kept; 0: for ever
    :param state_file: what the container's health check reads
    :param handler_limit: seconds that a handler may take; None: what the agent's class says
    """

    program: str
    namespace: str
    user: str
    broker: Broker
    monitor_url: str
    monitor_token: str
    state_file: Path
    heartbeat_interval: float
    data_folder: Path
    handler_limit: float | None = None
    queue_retention_days: float = QUEUE_RETENTION_DAYS

    @classmethod
    def from_environment(cls, variables: Mapping[str, str] = os.environ) -> AgentSettings:
        """Read the settings.

        :raises SettingsError: one is missing or not valid
        """
        env = Environment(variables)
        limit = env.get("TESTBED_HANDLER_LIMIT")
        return cls(
            namespace=env.namespace(),
            program=env.required("TESTBED_PROGRAM"),
            user=env.get("TESTBED_USER", "testbed"),
            broker=env.broker("agent"),
            monitor_url=env.required("SWF_MONITOR_URL").rstrip("/"),
            monitor_token=env.secret("SWF_API_TOKEN_FILE"),
            state_file=env.state_file(),
            heartbeat_interval=env.positive("TESTBED_HEARTBEAT_INTERVAL", "5"),
            data_folder=Path(env.get("TESTBED_DATA", "/data")),
            handler_limit=env.positive("TESTBED_HANDLER_LIMIT", "") if limit else None,
            queue_retention_days=env.days("TESTBED_QUEUE_RETENTION_DAYS", QUEUE_RETENTION_DAYS),
        )
