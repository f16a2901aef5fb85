"""The supervisor's settings: what is missing or wrong is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from supervisor.settings import Settings
from swf_common.service.settings import SettingsError


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "password").write_text("secret\n")
    return {
        "TESTBED_NAMESPACE": "torre1",
        "ACTIVEMQ_HOST": "activemq",
        "ACTIVEMQ_PASSWORD_FILE": str(tmp_path / "password"),
    }


def test_settings_are_read_from_the_environment(environment: dict[str, str]) -> None:
    settings = Settings.from_environment(environment)
    assert settings.project == "testbed-torre1"
    broker = settings.broker
    assert (broker.host, broker.port, broker.login) == ("activemq", 61613, "supervisor")
    assert broker.password == "secret"
    assert settings.state_file == Path("/run/testbed/state")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"TESTBED_NAMESPACE": ""}, "TESTBED_NAMESPACE is not set"),
        ({"TESTBED_NAMESPACE": "Torre 1"}, "not a valid namespace"),
        ({"ACTIVEMQ_HOST": ""}, "ACTIVEMQ_HOST is not set"),
        ({"ACTIVEMQ_PASSWORD_FILE": "missing"}, "ACTIVEMQ_PASSWORD_FILE: missing: No such file"),
        ({"ACTIVEMQ_PORT": "sixty"}, "ACTIVEMQ_PORT='sixty' is not a port"),
    ],
)
def test_a_wrong_setting_is_told(
    environment: dict[str, str], changes: dict[str, str], problem: str
) -> None:
    with pytest.raises(SettingsError, match=problem):
        Settings.from_environment({**environment, **changes})
