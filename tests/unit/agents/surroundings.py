"""What an example agent needs around it: a run, files that exist, an execution's parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agents.data.stf import write_stf
from agents.runtime import BaseAgent
from swf_common.configuration.groups import StfContent
from tests.unit.agents.bench import Bench, stf_gen
from tests.unit.stomp_server import StompServer
from tests.unit.testbed.monitor_server import MonitorServer

EXECUTION = "stf_datataking-jane-0001"
RUN_IMMINENT = {
    "msg_type": "run_imminent",
    "execution_id": EXECUTION,
    "run_id": "100010",
    "state": "beam",
    "substate": "not_ready",
    "simulation_tick": 5.0,
    "timestamp": "2026-01-05T12:00:00+00:00",
    "dataset": "swf.100010.run",
    "run_conditions": {"beam_energy": "5 GeV"},
}
END_RUN = {**RUN_IMMINENT, "msg_type": "end_run", "total_stf_files": 1, "reason": "completed"}


class Surroundings:
    """Starts agents, and stops them at the end.

    :param tf_count: TFs in the STFs that are made
    """

    def __init__(
        self, server: StompServer, monitor: MonitorServer, folder: Path, tf_count: int = 4
    ) -> None:
        self.monitor = monitor
        self.folder = folder
        self.tf_count = tf_count
        self._server = server
        self._benches: list[Bench] = []

    def start(self, kind: type[BaseAgent]) -> Bench:
        """A READY agent of a kind."""
        bench = Bench(kind, self._server, self.monitor, self.folder, "example-agent")
        self._benches.append(bench)
        bench.ready()
        return bench

    def parameters(self, **parameters: Any) -> None:
        """What the execution was started with."""
        self.resolved(some_section=parameters)

    def resolved(self, **sections: Any) -> None:
        """The whole configuration that the execution was started with."""
        record = {"parameter_values": {"workflow": {"name": "x"}, **sections}}
        self.monitor.answers["GET", f"workflow-executions/{EXECUTION}/"] = (200, record)

    def announcement(self, sequence: int = 1, **changes: Any) -> dict[str, Any]:
        """An `stf_gen` of a file that exists."""
        settings = StfContent(tf_count=self.tf_count)
        written = write_stf(self.folder / "daq", "100010", sequence, settings)
        true = {
            "file_url": f"file://{written.path}",
            "checksum": written.checksum,
            "size_bytes": written.size_bytes,
            "tf_count": self.tf_count,
        }
        return stf_gen(sequence, **{**true, **changes})

    def ready_file(self, sequence: int = 1, **changes: Any) -> dict[str, Any]:
        """An `stf_ready` of a file that exists."""
        announced = self.announcement(sequence, **changes)
        return {**announced, "msg_type": "stf_ready", "processed_by": "data-agent"}

    def rows(self, method: str, path: str) -> list[Any]:
        """What was written to a list, over all requests."""
        return [row for request in self.monitor.of(method, path) for row in request.body]

    def stop(self) -> None:
        """End every agent."""
        for bench in self._benches:
            bench.stop()
