"""The monitor's REST interface as the command uses it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote

from swf_common.protocol.progress import Progress
from swf_common.protocol.users import USER_HEADER, USER_PATTERN
from testbed.monitor_client.errors import (
    MonitorRefused,
    MonitorUnavailable,
    RunnerSilent,
    RunnerUnavailable,
    WorkflowRefused,
)
from testbed.monitor_client.queues import QueueMonitor, RestQueues
from testbed.monitor_client.snapshot import AgentRow, Snapshot

TIMEOUT_S = 10.0
START_TIMEOUT_S = 20.0
"""Seconds in which it answers a start: its turn may take 10 s, the runner's answer 4.5 s."""


class Monitor(QueueMonitor, Protocol):
    """What the command asks of the monitor."""

    def snapshot(self, namespace: str) -> Snapshot:
        """What the monitor knows of a namespace's agents, for the gate."""

    def start_workflow(self, command: dict[str, Any]) -> str:
        """Start a workflow; its execution id."""

    def stop_workflow(self, execution_id: str) -> None:
        """Ask for a running workflow to be stopped."""

    def progress(self, execution_id: str) -> Progress:
        """How far an execution has come."""

    def execution(self, execution_id: str) -> dict[str, Any]:
        """The record of an execution, as REST gives it."""

    def record_report(self, execution_id: str, report: dict[str, Any]) -> None:
        """Store the verdict of `testbed run` beside the execution's record."""

    def record_incidents(self, execution_id: str, incidents: list[dict[str, Any]]) -> None:
        """Store the incidents of a running execution."""

    def running_executions(self, namespace: str) -> list[dict[str, Any]]:
        """The executions of a namespace that run."""

    def latest_executions(self, namespace: str, limit: int) -> list[dict[str, Any]]:
        """The latest executions of a namespace, the newest first."""

    def backlog(self) -> tuple[list[dict[str, Any]] | None, int]:
        """Consumer queues with their depths (None when the broker is away), and dead letters."""


class RestMonitor(RestQueues):
    """The monitor, with an API token.

    :param user: for whom the token is used; its actions are logged with that name
    :param locate: its base URL of the moment, None while it does not run; asked again when no
        answer comes, since a restarted container is published on another port
    :raises MonitorUnavailable: from every method, when no answer comes or the monitor asks to come
        back later
    """

    def __init__(self, locate: Callable[[], str | None], token: str, user: str = "") -> None:
        import requests

        self._locate = locate
        self._url: str | None = None
        self._requests = requests
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Token {token}"
        if re.fullmatch(USER_PATTERN, user):
            self._session.headers[USER_HEADER] = user

    def snapshot(self, namespace: str) -> Snapshot:
        answer = self._call("GET", "readiness/", params={"namespace": namespace})
        rows = [
            AgentRow(
                instance_name=row["instance_name"],
                namespace=row["namespace"],
                container_id=row["container_id"],
                operational_state=row["operational_state"],
                status=row["status"],
                received_at=_moment(row["last_heartbeat"]),
                heartbeat_interval=row["heartbeat_interval"],
                description=row["description"],
            )
            for row in answer["heartbeats"]
        ]
        return Snapshot(datetime.fromisoformat(answer["now"]), rows)

    def start_workflow(self, command: dict[str, Any]) -> str:
        try:
            answer = self._call(
                "POST", "workflow-executions/start/", timeout=START_TIMEOUT_S, json=command
            )
        except MonitorUnavailable as error:
            if error.fields.get("sent"):
                raise RunnerSilent(cause=f"the answer was lost ({error.cause})") from error
            if error.fields.get("status") == 503:
                raise RunnerUnavailable(cause=error.fields["cause"]) from error
            if error.fields.get("status") == 504:
                raise RunnerSilent(cause=error.fields["cause"]) from error
            raise
        except MonitorRefused as error:
            if error.status in (400, 409):
                raise WorkflowRefused(reason=error.text) from error
            raise
        return str(answer["execution_id"])

    def stop_workflow(self, execution_id: str) -> None:
        self._call("POST", f"workflow-executions/{execution_id}/stop/")

    def progress(self, execution_id: str) -> Progress:
        path = f"workflow-executions/{execution_id}/progress/"
        return Progress.from_answer(self._call("GET", path, params={"times": "false"}))

    def execution(self, execution_id: str) -> dict[str, Any]:
        return dict(self._call("GET", f"workflow-executions/{quote(execution_id, safe='')}/"))

    def record_report(self, execution_id: str, report: dict[str, Any]) -> None:
        self._measure(execution_id, {"report": report})

    def record_incidents(self, execution_id: str, incidents: list[dict[str, Any]]) -> None:
        self._measure(execution_id, {"incidents": incidents})

    def _measure(self, execution_id: str, metrics: dict[str, Any]) -> None:
        path = f"workflow-executions/{quote(execution_id, safe='')}/"
        self._call("PATCH", path, json={"performance_metrics": metrics})

    def running_executions(self, namespace: str) -> list[dict[str, Any]]:
        params = {"namespace": namespace, "status": "running"}
        return list(self._call("GET", "workflow-executions/", params=params))

    def latest_executions(self, namespace: str, limit: int) -> list[dict[str, Any]]:
        params: dict[str, Any] = {"namespace": namespace, "limit": limit}
        return list(self._call("GET", "workflow-executions/", params=params)["results"])

    def backlog(self) -> tuple[list[dict[str, Any]] | None, int]:
        answer = self._call("GET", "backlog/")
        return answer["queues"], answer["dead_letters"]

    def _call(self, method: str, path: str, timeout: float = TIMEOUT_S, **options: Any) -> Any:
        url = self._url or self._locate()
        if url is None:
            raise MonitorUnavailable(cause="it is not published by a running container")
        try:
            answer = self._session.request(method, f"{url}/api/{path}", timeout=timeout, **options)
        except self._requests.RequestException as error:
            self._url = None
            cause = f"{type(error).__name__} at {url}"
            raise MonitorUnavailable(cause=cause, sent=_may_have_arrived(error)) from error
        self._url = url
        if answer.status_code >= 500:
            raise MonitorUnavailable(cause=_detail(answer), status=answer.status_code)
        if not answer.ok:
            raise MonitorRefused(
                request=f"{method} /api/{path}", status=answer.status_code, text=_detail(answer)
            )
        try:
            return answer.json()
        except ValueError as error:
            raise MonitorRefused(
                request=f"{method} /api/{path}",
                status=answer.status_code,
                text="its answer is not JSON; is something else listening there?",
            ) from error


def _may_have_arrived(error: Any) -> bool:
    """Whether a request that got no answer may have reached the monitor all the same."""
    from requests import ConnectTimeout
    from urllib3.exceptions import NewConnectionError

    reason = getattr(error.args[0], "reason", None) if error.args else None
    return not isinstance(error, ConnectTimeout) and not isinstance(reason, NewConnectionError)


def _detail(answer: Any) -> str:
    try:
        content = answer.json()
    except ValueError:
        return str(answer.text)[:300]
    return str(content.get("detail", content) if isinstance(content, dict) else content)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
