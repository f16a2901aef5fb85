"""The supervisor's settings, from the environment that compose.yaml gives it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from testbed.protocol.identifiers import is_namespace
from testbed.protocol.link import Broker


class SettingsError(Exception):
    """A setting of the container is missing or wrong."""


@dataclass(frozen=True)
class Settings:
    """Which namespace is served, and where the broker is.

    :param state_file: what the container's health check reads
    """

    namespace: str
    broker: Broker
    state_file: Path

    @property
    def project(self) -> str:
        """The Compose project whose agents are managed."""
        return f"testbed-{self.namespace}"

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> Settings:
        """Read the settings.

        :raises SettingsError: one is missing or not valid
        """

        def required(name: str) -> str:
            if not env.get(name):
                raise SettingsError(f"the environment variable {name} is not set")
            return env[name]

        namespace = required("TESTBED_NAMESPACE")
        if not is_namespace(namespace):
            raise SettingsError(f"TESTBED_NAMESPACE={namespace!r} is not a valid namespace")
        password = Path(required("ACTIVEMQ_PASSWORD_FILE"))
        try:
            text = password.read_text().strip()
        except OSError as error:
            raise SettingsError(f"ACTIVEMQ_PASSWORD_FILE: {password}: {error.strerror}") from error
        port = env.get("ACTIVEMQ_PORT") or "61613"
        if not port.isdecimal():
            raise SettingsError(f"ACTIVEMQ_PORT={port!r} is not a port")
        return cls(
            namespace=namespace,
            broker=Broker(
                required("ACTIVEMQ_HOST"), int(port), env.get("ACTIVEMQ_USER", "supervisor"), text
            ),
            state_file=Path(env.get("TESTBED_STATE_FILE", "/run/testbed/state")),
        )
