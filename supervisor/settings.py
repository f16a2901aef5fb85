"""The supervisor's settings, from the environment that compose.yaml gives it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from swf_common.broker.model import Broker
from swf_common.service.settings import Environment


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
    def from_environment(cls, variables: Mapping[str, str] = os.environ) -> Settings:
        """Read the settings.

        :raises SettingsError: one is missing or not valid
        """
        env = Environment(variables)
        return cls(env.namespace(), env.broker("supervisor"), env.state_file())
