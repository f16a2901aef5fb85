"""Which files of STFs somebody still needs: the monitor knows (decisions 0016 and 0033)."""

from __future__ import annotations

from collections.abc import Sequence

from swf_common.service.monitor_client import MonitorClient, MonitorRefused


class Needs:
    """Answers for one of the volumes of the runs' files.

    :param volume: its name at the monitor: daq, tf-samples or processed
    """

    def __init__(self, monitor: MonitorClient, volume: str) -> None:
        self._monitor = monitor
        self._volume = volume

    def __call__(self, files: Sequence[tuple[str, str]]) -> list[bool]:
        """Whether files are needed, each given by its run's id and its STF's file name.

        :raises ConnectionError: the monitor is away, or refuses to answer
        """
        asked = [{"run_id": run_id, "stf_filename": stf} for run_id, stf in files]
        try:
            answer = self._monitor.once(
                "POST", "files/needed/", {"volume": self._volume, "files": asked}
            )
        except MonitorRefused as error:
            raise ConnectionError(f"the monitor does not say: {error}") from error
        needed: list[bool] = answer["needed"]
        return needed
