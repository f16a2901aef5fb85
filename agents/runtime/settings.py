"""An agent's settings, from the environment that compose.yaml gives it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from testbed.protocol.identifiers import is_namespace
from testbed.protocol.link import Broker

QUEUE_RETENTION_DAYS = 7.0


class SettingsError(Exception):
    """A setting of the container is missing or wrong."""


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
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> AgentSettings:
        """Read the settings.

        :raises SettingsError: one is missing or not valid
        """

        def required(name: str) -> str:
            if not env.get(name):
                raise SettingsError(f"the environment variable {name} is not set")
            return env[name]

        def secret(name: str) -> str:
            path = Path(required(name))
            try:
                return path.read_text().strip()
            except OSError as error:
                raise SettingsError(f"{name}: {path}: {error.strerror}") from error

        def positive(name: str, default: str) -> float:
            text = env.get(name) or default
            try:
                value = float(text)
            except ValueError:
                value = 0.0
            if not 0 < value < 1e9:
                raise SettingsError(f"{name}={text!r} is not a number above 0")
            return value

        def days(name: str, default: float) -> float:
            text = env.get(name) or str(default)
            return 0.0 if text.strip("0.") == "" else positive(name, text)

        namespace = required("TESTBED_NAMESPACE")
        if not is_namespace(namespace):
            raise SettingsError(f"TESTBED_NAMESPACE={namespace!r} is not a valid namespace")
        return cls(
            program=required("TESTBED_PROGRAM"),
            namespace=namespace,
            user=env.get("TESTBED_USER") or "testbed",
            broker=Broker(
                host=required("ACTIVEMQ_HOST"),
                port=int(positive("ACTIVEMQ_PORT", "61613")),
                login=env.get("ACTIVEMQ_USER", "agent"),
                password=secret("ACTIVEMQ_PASSWORD_FILE"),
            ),
            monitor_url=required("SWF_MONITOR_URL").rstrip("/"),
            monitor_token=secret("SWF_API_TOKEN_FILE"),
            state_file=Path(env.get("TESTBED_STATE_FILE", "/run/testbed/state")),
            heartbeat_interval=positive("TESTBED_HEARTBEAT_INTERVAL", "5"),
            data_folder=Path(env.get("TESTBED_DATA", "/data")),
            handler_limit=(
                positive("TESTBED_HANDLER_LIMIT", "") if env.get("TESTBED_HANDLER_LIMIT") else None
            ),
            queue_retention_days=days("TESTBED_QUEUE_RETENTION_DAYS", QUEUE_RETENTION_DAYS),
        )
