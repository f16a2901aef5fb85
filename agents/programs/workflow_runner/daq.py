"""The simulated DAQ: what a workflow steers, and what it announces (docs/messages.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import simpy

from agents.data.stf import write_stf
from agents.data.time_frames import TF_DURATION_NS
from agents.data.volume import Volume
from swf_common.configuration.groups import Retention, StfContent
from swf_common.configuration.parameters import Parameters
from swf_common.protocol.identifiers import input_dataset
from swf_common.protocol.message import Message
from swf_common.protocol.messages import (
    EndRun,
    PauseRun,
    ResumeRun,
    RunImminent,
    StartRun,
    StfGen,
    execution_message_id,
)
from swf_common.protocol.states import DaqState, DaqSubstate, EndReason

Send = Callable[[Message], None]

RUN_CONDITIONS = {
    "beam_energy": "5 GeV",
    "magnetic_field": "1.5T",
    "detector_config": "physics",
    "bunch_structure": "216x216",
}
PHYSICS: dict[str, Any] = {"state": DaqState.RUN, "substate": DaqSubstate.PHYSICS}
STANDBY: dict[str, Any] = {"state": DaqState.RUN, "substate": DaqSubstate.STANDBY}
NOT_READY: dict[str, Any] = {"state": DaqState.BEAM, "substate": DaqSubstate.NOT_READY}


class SimulatedDaq:
    """One run of the simulated DAQ, as `workflows.api.Daq` describes it to a workflow.

    It sends `end_run` at most once.

    :param parameters: as the workflow declares them
    :param values: all parameters of the execution, which may have more than the workflow needs
    :param buffer: the DAQ exit buffer
    """

    def __init__(
        self,
        env: simpy.Environment,
        send: Send,
        *,
        execution_id: str,
        run_id: str,
        parameters: Parameters,
        values: Mapping[str, Any],
        buffer: Volume,
    ) -> None:
        self.parameters = parameters
        self._values = values
        self.stf_count = 0
        self._env = env
        self._send = send
        self._execution_id = execution_id
        self._run_id = run_id
        self._buffer = buffer
        self._steps = 0
        self._announced = False
        self._ended = False
        self._began = datetime.now(UTC)

    @property
    def run_open(self) -> bool:
        """Whether the run is announced and not yet ended."""
        return self._announced and not self._ended

    def run_imminent(self) -> None:
        """Announce the run."""
        self._announced = True
        workers = self._values.get("target_worker_count")
        self._send(
            RunImminent(
                **self._common("run_imminent"),
                **NOT_READY,
                run_conditions=RUN_CONDITIONS,
                dataset=input_dataset(self._run_id),
                **({} if workers is None else {"target_worker_count": workers}),
            )
        )

    def start_run(self) -> None:
        """The first physics period begins."""
        self._send(StartRun(**self._common("start_run"), **PHYSICS))

    def pause_run(self, reason: str) -> None:
        """Standby between two physics periods."""
        self._steps += 1
        self._send(PauseRun(**self._common(f"pause-{self._steps}"), **STANDBY, reason=reason))

    def resume_run(self, reason: str) -> None:
        """The next physics period begins."""
        self._send(ResumeRun(**self._common(f"resume-{self._steps}"), **PHYSICS, reason=reason))

    def generate_stf(self) -> None:
        """Write the next STF into the exit buffer and announce it.

        :raises VolumeFull: the exit buffer has no room for it, and nothing that it could do without
        :raises ConfigurationError: a parameter of the data is not valid
        """
        sequence = self.stf_count + 1
        settings, limit_mb = self._data_settings
        self._buffer.make_room(limit_mb)
        written = write_stf(self._buffer.folder, self._run_id, sequence, settings)
        self._buffer.wrote(written.size_bytes)
        self.stf_count = sequence
        start = self._began + timedelta(seconds=self._env.now)
        self._send(
            StfGen(
                **self._common(f"stf-{sequence}"),
                **PHYSICS,
                filename=written.path.name,
                sequence=sequence,
                file_url=f"file://{written.path}",
                checksum=written.checksum,
                size_bytes=written.size_bytes,
                tf_count=written.tf_count,
                start=start,
                end=start + timedelta(microseconds=written.tf_count * TF_DURATION_NS / 1000),
            )
        )

    def end_run(self, reason: EndReason = EndReason.COMPLETED) -> None:
        """Close the run; does nothing when it is not open."""
        if not self.run_open:
            return
        self._ended = True
        self._send(
            EndRun(
                **self._common("end_run"),
                **NOT_READY,
                total_stf_files=self.stf_count,
                reason=reason,
            )
        )

    @cached_property
    def _data_settings(self) -> tuple[StfContent, float]:
        """What STFs look like, and how large the exit buffer may become."""
        limit_mb = Retention.of(self._values).daq_buffer_limit_mb
        return StfContent.of(self._values), limit_mb

    def _common(self, step: str) -> dict[str, Any]:
        return {
            "message_id": execution_message_id(self._execution_id, step),
            "execution_id": self._execution_id,
            "run_id": self._run_id,
            "simulation_tick": round(float(self._env.now), 6),
        }
