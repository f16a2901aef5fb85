"""The settings of a long-running program: from the environment that compose.yaml gives it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from swf_common.broker.model import Broker
from swf_common.protocol.identifiers import is_namespace

LARGEST = 1e9


class SettingsError(Exception):
    """A setting of the container is missing or wrong."""


class Environment:
    """Environment variables, each read as what it has to be; an empty one counts as not set."""

    def __init__(self, variables: Mapping[str, str] = os.environ) -> None:
        self._variables = variables

    def get(self, name: str, default: str = "") -> str:
        return self._variables.get(name) or default

    def required(self, name: str) -> str:
        """
        :raises SettingsError: it is not set
        """
        if not self.get(name):
            raise SettingsError(f"the environment variable {name} is not set")
        return self.get(name)

    def secret(self, name: str) -> str:
        """The content of the file that a variable names.

        :raises SettingsError: it is not set, or the file cannot be read
        """
        path = Path(self.required(name))
        try:
            return path.read_text().strip()
        except OSError as error:
            raise SettingsError(f"{name}: {path}: {error.strerror}") from error

    def positive(self, name: str, default: str) -> float:
        """
        :raises SettingsError: it is not a number above 0
        """
        text = self.get(name, default)
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not 0 < value < LARGEST:
            raise SettingsError(f"{name}={text!r} is not a number above 0")
        return value

    def days(self, name: str, default: float) -> float:
        """Days, 0 for without end.

        :raises SettingsError: it is not a number of 0 or above
        """
        text = self.get(name, str(default))
        return 0.0 if text.strip("0.") == "" else self.positive(name, text)

    def namespace(self) -> str:
        """
        :raises SettingsError: it is not set, or not valid
        """
        namespace = self.required("TESTBED_NAMESPACE")
        if not is_namespace(namespace):
            raise SettingsError(f"TESTBED_NAMESPACE={namespace!r} is not a valid namespace")
        return namespace

    def broker(self, login: str) -> Broker:
        """Where the broker is.

        :param login: where ACTIVEMQ_USER does not name another one
        :raises SettingsError: host or password are missing, or the port is not one
        """
        port = self.get("ACTIVEMQ_PORT", "61613")
        if not port.isdecimal():
            raise SettingsError(f"ACTIVEMQ_PORT={port!r} is not a port")
        return Broker(
            host=self.required("ACTIVEMQ_HOST"),
            port=int(port),
            login=self.get("ACTIVEMQ_USER", login),
            password=self.secret("ACTIVEMQ_PASSWORD_FILE"),
        )

    def state_file(self) -> Path:
        """What the container's health check reads."""
        return Path(self.get("TESTBED_STATE_FILE", "/run/testbed/state"))
