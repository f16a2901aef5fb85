"""An agent asks the monitor which files are still needed: one question about many."""

from __future__ import annotations

import threading

import pytest

from agents.runtime.needs import Needs
from swf_common.service.monitor_client import MonitorClient, MonitorUnavailable
from tests.unit.testbed.monitor_server import MonitorServer

FILES = [("100010", "swf.100010.000001.stf"), ("100011", "swf.100011.000001.stf")]


@pytest.fixture
def needs(monitor: MonitorServer) -> Needs:
    return Needs(MonitorClient(monitor.url, "token", threading.Event()), "daq")


def test_one_question_is_about_all_files(needs: Needs, monitor: MonitorServer) -> None:
    monitor.answers["POST", "files/needed/"] = (200, {"needed": [True, False]})
    assert needs(FILES) == [True, False]
    (asked,) = monitor.of("POST", "files/needed/")
    assert asked.body == {
        "volume": "daq",
        "files": [{"run_id": run, "stf_filename": stf} for run, stf in FILES],
    }


def test_while_the_monitor_is_away_nobody_can_say(needs: Needs, monitor: MonitorServer) -> None:
    monitor.away = True
    with pytest.raises(MonitorUnavailable):
        needs(FILES)


@pytest.mark.parametrize("status", [403, 404, 500])
def test_while_the_monitor_fails_nobody_can_say(
    needs: Needs, monitor: MonitorServer, status: int
) -> None:
    monitor.answers["POST", "files/needed/"] = (status, "it has an error")
    with pytest.raises(ConnectionError, match="does not say"):
        needs(FILES)
