"""The predecessor's agents as a scripted client: the same frames and requests as theirs.

Plain stomp.py and requests, nothing of this project: JSON without ids, naive local times, one
record a request, and the names, types and states that those agents used. Each agent keeps what it
sent (`sent`, `calls`), so that a test can compare it with what was stored. A failure in a handler
would end the predecessor's connection; here it is kept in `failures`.
"""

from __future__ import annotations

import getpass
import json
import os
import socket
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import requests
import stomp

EPICTOPIC = "/topic/epictopic"
SLICES = "/topic/panda.slices"
RESULTS = "/topic/panda.results"
WORKERS = "/topic/panda.workers"
STF_TIME_FRAMES = 1000
"""Time frames that the fastmon agent took an STF to hold."""


@dataclass(frozen=True)
class Site:
    """Where the monitor and the broker are, and what opens them."""

    monitor_url: str
    token: str = field(repr=False)
    host: str
    port: int
    password: str = field(repr=False)
    namespace: str
    login: str = "agent"


@dataclass(frozen=True)
class Sent:
    """One message as it left."""

    destination: str
    body: dict[str, Any]
    headers: dict[str, str]


@dataclass(frozen=True)
class Call:
    """One request and its answer."""

    method: str
    path: str
    body: Any
    status: int
    answer: Any


class APIError(Exception):
    """The monitor answered with anything but 2xx.

    :param response: its answer
    """

    def __init__(self, response: requests.Response) -> None:
        request = response.request
        super().__init__(f"{request.method} {request.url}: {response.status_code} {response.text}")
        self.response = response


def naive_now() -> str:
    """The local time, without a zone."""
    return datetime.now().isoformat()


def naive_utc_now() -> str:
    """The time in UTC, without a zone; the fast-processing agent and the workers used this."""
    return datetime.now(UTC).replace(tzinfo=None).isoformat()


class Monitor:
    """The REST session of an agent."""

    def __init__(self, site: Site, with_token: bool = True) -> None:
        self.base = f"{site.monitor_url}/api"
        self.session = requests.Session()
        if with_token:
            self.session.headers["Authorization"] = f"Token {site.token}"
        if urlsplit(site.monitor_url).hostname in ("localhost", "127.0.0.1"):
            self.session.verify = False
            self.session.proxies = {"http": "", "https": ""}
        self.calls: list[Call] = []

    def request(self, method: str, endpoint: str, body: Any = None) -> requests.Response:
        """One request; no redirects."""
        answer = self.session.request(
            method, f"{self.base}{endpoint}", json=body, timeout=10, allow_redirects=False
        )
        try:
            decoded = answer.json()
        except ValueError:
            decoded = answer.text
        self.calls.append(Call(method, endpoint, body, answer.status_code, decoded))
        return answer

    def call(self, method: str, endpoint: str, body: Any = None) -> Any:
        """The decoded answer of a request.

        :raises APIError: it was refused, or redirected
        """
        answer = self.request(method, endpoint, body)
        if not 200 <= answer.status_code < 300:
            raise APIError(answer)
        return answer.json()

    def list(self, endpoint: str) -> Any:
        """A list, in either form that the predecessor's agents understood."""
        answer = self.call("GET", endpoint)
        return answer["results"] if isinstance(answer, dict) else answer


class OldAgent(stomp.ConnectionListener):  # type: ignore[misc]
    """What all of the predecessor's agents shared: identity, heartbeats, messages.

    :cvar agent_type: free text, as the agent reported it
    :cvar destinations: what it subscribes to, under the ids 1, 2, …
    """

    agent_type = "other"
    destinations: tuple[str, ...] = (EPICTOPIC,)

    def __init__(self, site: Site) -> None:
        self.site = site
        self.monitor = Monitor(site)
        self.username = getpass.getuser()
        self.agent_id = self.monitor.call("POST", "/state/next-agent-id/")["agent_id"]
        self.agent_name = f"{self.agent_type.lower()}-agent-{self.username}-{self.agent_id}"
        self.operational_state = "STARTING"
        self.mq_connected = False
        self.execution_id: str | None = None
        self.run_id: str | None = None
        self.received: list[dict[str, Any]] = []
        self.sent: list[Sent] = []
        self.failures: list[BaseException] = []
        self._receipts: set[str] = set()
        self._receipt_came = threading.Condition()
        self.conn: Any = stomp.Connection11(
            host_and_ports=[(site.host, site.port)],
            vhost=site.host,
            try_loopback_connect=False,
            heartbeats=(30000, 30000),
            auto_content_length=False,
        )
        self.conn.set_listener("", self)

    # the life of an agent

    def start(self) -> None:
        """Connect, subscribe, register, report READY."""
        self.connect()
        for number, destination in enumerate(self.destinations, start=1):
            self.conn.subscribe(destination=destination, id=number, ack="auto")
        self.register_subscriber()
        self.operational_state = "READY"
        self.heartbeat()

    def connect(self) -> None:
        """Open the STOMP connection."""
        self.conn.connect(
            self.site.login,
            self.site.password,
            wait=True,
            version="1.1",
            headers={"client-id": self.agent_name, "heart-beat": "30000,30000"},
        )

    def register_subscriber(self) -> None:
        """Register the subscription; that it is registered already is fine."""
        destination = self.destinations[0]
        body = {
            "subscriber_name": f"{self.agent_name}-{destination}",
            "description": f"{self.agent_type} agent subscribed to {destination}",
            "is_active": True,
            "fraction": 1.0,
        }
        try:
            self.monitor.call("POST", "/subscribers/", body)
        except APIError as error:
            text = error.response.text.lower()
            known = "already exists" in text and "subscriber" in text
            if error.response.status_code != 400 or not known:
                raise

    def wait_subscribed(self, timeout: float = 20) -> None:
        """Wait until the broker has the subscriptions.

        The predecessor waited five seconds and hoped; here an empty transaction with a receipt
        goes behind the subscriptions, so its receipt tells that the broker has seen them.
        """
        receipt = str(uuid4())
        self.conn.abort(self.conn.begin(), headers={"receipt": receipt})
        with self._receipt_came:
            if not self._receipt_came.wait_for(lambda: receipt in self._receipts, timeout):
                raise TimeoutError(f"{self.agent_name}: no receipt within {timeout:.0f} s")

    def exit(self) -> None:
        """Report EXITED, then disconnect."""
        self.operational_state = "EXITED"
        self.report_exit()
        self.disconnect()

    def report_exit(self) -> None:
        """The last report."""
        self.report_agent_status("EXITED", "Agent shutdown")

    def disconnect(self) -> None:
        """Close both connections."""
        if self.conn.is_connected():
            self.conn.disconnect(receipt=str(uuid4()))
        self.monitor.session.close()

    # heartbeats

    def _payload(self, status: str, description: str) -> dict[str, Any]:
        return {
            "instance_name": self.agent_name,
            "agent_type": self.agent_type,
            "status": status,
            "description": description,
            "mq_connected": self.mq_connected,
            "pid": os.getpid(),
            "hostname": socket.gethostname(),
            "operational_state": self.operational_state,
            "namespace": self.site.namespace,
        }

    def _description(self) -> str:
        link = "connected" if self.mq_connected else "disconnected"
        return f"{self.agent_type} agent. MQ: {link}"

    def heartbeat(self) -> Any:
        """The plain heartbeat; the monitor's answer."""
        status = "OK" if self.mq_connected else "WARNING"
        payload = self._payload(status, self._description())
        return self.monitor.call("POST", "/systemagents/heartbeat/", payload)

    def enhanced_heartbeat(self, meta: dict[str, Any]) -> Any:
        """The heartbeat with counters, and `key: value` pairs in its description."""
        status = "OK" if self.mq_connected else "WARNING"
        pairs = ", ".join(f"{key}: {value}" for key, value in meta.items())
        payload = {
            **self._payload(status, f"{self._description()}. {pairs}"),
            "workflow_enabled": bool(meta),
            "current_stf_count": meta.get("active_tasks", 0),
            "total_stf_processed": meta.get("completed_tasks", 0),
        }
        return self.monitor.call("POST", "/systemagents/heartbeat/", payload)

    def report_agent_status(self, status: str, message: str) -> Any:
        """A report with a status and text of the caller's."""
        payload = self._payload(status, message)
        return self.monitor.call("POST", "/systemagents/heartbeat/", payload)

    # logs

    def log_record(self, message: str, level: int = 20, levelname: str = "INFO") -> dict[str, Any]:
        """A log record in the form of the predecessor's handler."""
        extra: dict[str, Any] = {"username": self.username}
        if self.execution_id:
            extra["execution_id"] = self.execution_id
        if self.run_id:
            extra["run_id"] = self.run_id
        return {
            "app_name": "base_agent",
            "instance_name": self.agent_name,
            "timestamp": naive_now(),
            "level": level,
            "levelname": levelname,
            "message": message,
            "module": "base_agent",
            "funcname": "run",
            "lineno": 1,
            "process": os.getpid(),
            "thread": threading.get_ident(),
            "extra_data": extra,
        }

    def log(self, message: str) -> None:
        """Post one log record, as synchronously as the predecessor did."""
        self.monitor.call("POST", "/logs/", self.log_record(message))

    # messages

    def send(self, destination: str, body: dict[str, Any]) -> None:
        """Send a message without any headers; `sender` and `namespace` are written into it."""
        body["sender"] = self.agent_name
        body["namespace"] = self.site.namespace
        self.transmit(destination, body)

    def transmit(
        self, destination: str, body: dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        """Send a message as it is."""
        self.sent.append(Sent(destination, json.loads(json.dumps(body)), headers or {}))
        if headers:
            self.conn.send(destination=destination, body=json.dumps(body), headers=headers)
        else:
            self.conn.send(destination=destination, body=json.dumps(body))

    def on_connected(self, frame: Any) -> None:
        self.mq_connected = True

    def on_error(self, frame: Any) -> None:
        self.mq_connected = False
        self.failures.append(RuntimeError(f"{self.agent_name}: {frame.headers} {frame.body}"))

    def on_disconnected(self) -> None:
        self.mq_connected = False
        if self.operational_state != "EXITED":
            self.failures.append(ConnectionError(f"{self.agent_name}: disconnected"))

    def on_receipt(self, frame: Any) -> None:
        with self._receipt_came:
            self._receipts.add(frame.headers["receipt-id"])
            self._receipt_came.notify_all()

    def on_message(self, frame: Any) -> None:
        """Handle a message on the receiver thread, as the predecessor did."""
        try:
            body = json.loads(frame.body)
            namespace = body.get("namespace")
            if namespace and namespace != self.site.namespace:
                return
            self.received.append(body)
            self.execution_id = body.get("execution_id") or self.execution_id
            self.run_id = body.get("run_id") or self.run_id
            self.handle(body)
        except Exception as error:
            self.failures.append(error)

    def handle(self, message: dict[str, Any]) -> None:
        """What the agent does with a message of its namespace."""


class OldRunner(OldAgent):
    """The workflow runner, playing the DAQ step by step."""

    agent_type = "DAQ_Simulator"
    destinations = ("/queue/workflow_control",)

    tick = 0.0
    sequence = 0

    def start(self) -> None:
        """The runner connected and reported before it subscribed."""
        self.connect()
        self.heartbeat()
        self.conn.subscribe(destination=self.destinations[0], id=1, ack="auto")
        self.register_subscriber()
        self.operational_state = "READY"
        self.heartbeat()

    def begin(self, name: str, version: str, code: str, config: dict[str, Any]) -> None:
        """Record definition, namespace, execution, and the run's first state."""
        self.operational_state = "PROCESSING"
        sequence = self.monitor.call(
            "POST", "/state/next-workflow-execution-id/", {"workflow_name": name}
        )["sequence"]
        self.execution_id = f"{name}-{self.username}-{sequence:04d}"
        definition = self.definition(name, version, code, config)
        self.monitor.call(
            "POST",
            "/namespaces/ensure/",
            {"name": self.site.namespace, "owner": self.username, "description": ""},
        )
        body = {
            "execution_id": self.execution_id,
            "workflow_definition": definition,
            "namespace": self.site.namespace,
            "status": "running",
            "executed_by": self.username,
            "start_time": naive_now(),
            "parameter_values": {**config, "git_version": {"commit": "0" * 40, "branch": "main"}},
        }
        self.monitor.call("POST", "/workflow-executions/", body)
        number = self.monitor.call("POST", "/state/next-run-number/")["run_number"]
        self.run_id = str(number)
        self.initialize_state(config)

    def definition(self, name: str, version: str, code: str, config: dict[str, Any]) -> int:
        """The id of the definition, recorded unless it is there."""
        known = self.monitor.list(f"/workflow-definitions/?workflow_name={name}&version={version}")
        if known:
            return int(known[0]["id"])
        body = {
            "workflow_name": name,
            "version": version,
            "workflow_type": "simulation",
            "definition": code,
            "parameter_values": config,
            "created_by": self.username,
            "created_at": naive_now(),
        }
        return int(self.monitor.call("POST", "/workflow-definitions/", body)["id"])

    def initialize_state(self, config: dict[str, Any]) -> None:
        """Record the state of a run that is about to start."""
        parameters = config["fast_processing"]
        body = {
            "run_number": int(self.run_id or 0),
            "phase": "initializing",
            "state": "imminent",
            "substate": "preparing",
            "target_worker_count": parameters["target_worker_count"],
            "active_worker_count": 0,
            "stf_samples_received": 0,
            "slices_created": 0,
            "slices_queued": 0,
            "slices_processing": 0,
            "slices_completed": 0,
            "slices_failed": 0,
            "state_changed_at": naive_now(),
            "metadata": {
                "execution_id": self.execution_id,
                "stf_sampling_rate": parameters["stf_sampling_rate"],
                "slices_per_sample": parameters["slices_per_sample"],
            },
        }
        self.monitor.call("POST", "/run-states/", body)

    def broadcast(
        self, msg_type: str, state: str | None = None, substate: str | None = None, **more: Any
    ) -> None:
        """Send a lifecycle message."""
        self.tick = round(self.tick + 1.1, 1)
        body = {
            "msg_type": msg_type,
            "namespace": self.site.namespace,
            "execution_id": self.execution_id,
            "run_id": self.run_id,
            "timestamp": naive_now(),
            "simulation_tick": self.tick,
        }
        if state is not None:
            body |= {"state": state, "substate": substate}
        self.send(EPICTOPIC, body | more)

    def run_imminent(self) -> None:
        self.broadcast("run_imminent", "beam", "not_ready")

    def start_run(self) -> None:
        self.broadcast("start_run", "run", "physics")

    def stf_gen(self) -> str:
        """Announce the next STF; its file name."""
        self.sequence += 1
        filename = f"swf.{self.run_id}.{self.sequence:06d}.stf"
        self.broadcast("stf_gen", "run", "physics", filename=filename, sequence=self.sequence)
        return filename

    def pause_run(self) -> None:
        self.broadcast("pause_run", "run", "standby", reason="Brief standby period")

    def resume_run(self) -> None:
        self.broadcast("resume_run", "run", "physics")

    def end_run(self) -> None:
        self.broadcast("end_run", total_stf_files=self.sequence)

    def finish(self) -> None:
        """Mark the execution as a stopped workflow was: completed, then terminated."""
        path = f"/workflow-executions/{self.execution_id}/"
        self.monitor.call("PATCH", path, {"status": "completed", "end_time": naive_now()})
        self.monitor.call("PATCH", path, {"status": "terminated", "end_time": None})
        self.operational_state = "READY"


class OldDataAgent(OldAgent):
    """Registers the run and its STF files, and tells that each is ready."""

    agent_type = "DATA"

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.active_runs: dict[str, int] = {}
        self.files = 0

    def handle(self, message: dict[str, Any]) -> None:
        kind = message.get("msg_type")
        if kind == "run_imminent":
            body = {
                "run_number": int(message["run_id"]),
                "start_time": naive_now(),
                "run_conditions": message.get("run_conditions", {}),
            }
            self.active_runs[message["run_id"]] = self.monitor.call("POST", "/runs/", body)[
                "run_id"
            ]
            self.log(f"Registered run {message['run_id']}")
        elif kind == "start_run":
            self._count(0)
        elif kind == "stf_gen":
            self._stf_gen(message)
        elif kind == "end_run":
            run = self.active_runs.pop(message["run_id"])
            self.monitor.call("PATCH", f"/runs/{run}/", {"end_time": naive_now()})
            self._count(0)

    def _count(self, active: int) -> None:
        self.enhanced_heartbeat({"active_tasks": active, "completed_tasks": self.files})

    def _stf_gen(self, message: dict[str, Any]) -> None:
        name = message["filename"]
        body = {
            "run": self.active_runs[message["run_id"]],
            "stf_filename": name,
            "file_size_bytes": message.get("size_bytes"),
            "machine_state": message.get("state", "unknown"),
            "status": "registered",
            "metadata": {
                "created_by": self.agent_name,
                "substate": message.get("substate"),
                "start": message.get("start"),
                "end": message.get("end"),
                "sequence": message["sequence"],
            },
        }
        key = self.monitor.call("POST", "/stf-files/", body)["file_id"]
        copied = (
            *("run_id", "file_url", "checksum", "size_bytes", "start", "end", "state"),
            *("substate", "sequence", "simulation_tick"),
        )
        ready = {
            "msg_type": "stf_ready",
            "namespace": self.site.namespace,
            "filename": name,
            **{key: message.get(key) for key in copied},
            "processed_by": self.agent_name,
        }
        self.send(EPICTOPIC, ready)
        change = {
            "status": "processed",
            "metadata": {"processed_by": self.agent_name, "updated_at": naive_now()},
        }
        self.monitor.call("PATCH", f"/stf-files/{key}/", change)
        self.files += 1


class OldProcessingAgent(OldAgent):
    """Waits on a queue of its own, to which nobody sends any more."""

    agent_type = "STF_Processing"
    destinations = ("/queue/processing_agent",)


class OldFastMonAgent(OldAgent):
    """Takes samples of each STF's time frames.

    :cvar files_per_stf: TF files made of each STF; the predecessor made 7
    """

    agent_type = "fastmon"
    files_per_stf = 2

    def handle(self, message: dict[str, Any]) -> None:
        self.heartbeat()
        if message.get("msg_type") == "stf_ready":
            for number in range(self.files_per_stf):
                self._sample(message, number)

    def _sample(self, message: dict[str, Any], number: int) -> None:
        stf = message["filename"]
        size = STF_TIME_FRAMES // self.files_per_stf
        count = int(size * 0.15)
        first = number * size + 17 * (number + 1)
        body = {
            "stf_file": stf,
            "tf_filename": f"{stf.removesuffix('.stf')}_tf_{number + 1:03d}.tf",
            "tf_first": first,
            "tf_last": first + count - 1,
            "tf_count": count,
            "file_size_bytes": count,
            "status": "registered",
            "metadata": {
                "simulation": True,
                "created_from": stf,
                "tf_size_fraction": 0.15,
                "agent_name": self.agent_name,
                **{key: message.get(key) for key in ("state", "substate", "start", "end")},
            },
        }
        made = self.monitor.call("POST", "/fastmon-files/", body)
        registered = {
            "msg_type": "tf_file_registered",
            "namespace": self.site.namespace,
            "run_id": message["run_id"],
            "execution_id": message.get("execution_id"),
            "processed_by": self.agent_name,
            "tf_file_id": made["tf_file_id"],
            **{
                key: body[key]
                for key in ("tf_filename", "tf_first", "tf_last", "tf_count", "file_size_bytes")
            },
            "stf_filename": stf,
            "status": "registered",
            "timestamp": naive_now(),
        }
        self.send(EPICTOPIC, registered)


class OldFastProcessingAgent(OldAgent):
    """Cuts TF files into slices for the workers, and notes their results.

    Its results came through a queue that the predecessor's site fed from `/topic/panda.results`;
    here it subscribes to that topic.
    """

    agent_type = "Fast_Processing"
    destinations = (EPICTOPIC, RESULTS)

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.parameters: dict[str, Any] | None = None
        self.results = 0

    def report_exit(self) -> None:
        """This agent left with a plain heartbeat."""
        self.heartbeat()

    def send(
        self, destination: str, body: dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        """Send with `created_at`, and with the headers by which workers select."""
        body["sender"] = self.agent_name
        body["namespace"] = self.site.namespace
        body["created_at"] = naive_utc_now()
        defaults = {
            "persistent": "false",
            "vo": "eic",
            "msg_type": body["msg_type"],
            "namespace": self.site.namespace,
            "run_id": str(body["run_id"]),
        }
        self.transmit(destination, body, defaults | (headers or {}))

    def handle(self, message: dict[str, Any]) -> None:
        kind = message.get("msg_type")
        if self.execution_id and self.parameters is None:
            execution = self.monitor.call("GET", f"/workflow-executions/{self.execution_id}/")
            self.parameters = execution["parameter_values"]["fast_processing"]
        handler = getattr(self, f"_{kind}", None)
        if handler is not None:
            handler(message)

    def _event(self, kind: str, data: dict[str, Any]) -> None:
        body = {
            "timestamp": naive_now(),
            "run_number": int(self.run_id or 0),
            "event_type": kind,
            "state": "unknown",
            "substate": None,
            "event_data": data,
        }
        self.monitor.call("POST", "/system-state-events/", body)

    def _run_state(self, **changes: Any) -> None:
        self.monitor.call("PATCH", f"/run-states/{self.run_id}/", changes)

    def _run_imminent(self, message: dict[str, Any]) -> None:
        self._event("run_imminent", message)
        parameters = self.parameters or {}
        content = {
            **message,
            "execution_id": self.execution_id,
            "core_count": parameters["target_worker_count"],
            **{
                key: parameters[key]
                for key in (
                    "target_worker_count",
                    "slice_processing_time",
                    "worker_rampup_time",
                    "worker_rampdown_time",
                )
            },
        }
        body = {"msg_type": "run_imminent_worker", "run_id": self.run_id, "content": content}
        self.send(WORKERS, body)

    def _start_run(self, message: dict[str, Any]) -> None:
        self.operational_state = "PROCESSING"
        self._run_state(
            phase="physics", state="running", substate="physics", state_changed_at=naive_now()
        )
        self._event("start_run", message)

    def _pause_run(self, message: dict[str, Any]) -> None:
        self._run_state(substate="standby", state_changed_at=naive_now())
        self._event("pause_run", message)

    def _resume_run(self, message: dict[str, Any]) -> None:
        self._run_state(substate="physics", state_changed_at=naive_now())
        self._event("resume_run", message)

    def _end_run(self, message: dict[str, Any]) -> None:
        if message["sender"] == self.agent_name:
            return
        self._run_state(phase="completed", state="ended", state_changed_at=naive_now())
        self._event("end_run", message)
        content = {**message, "execution_id": self.execution_id}
        self.send(WORKERS, {"msg_type": "end_run", "run_id": self.run_id, "content": content})
        self.operational_state = "READY"

    def _tf_file_registered(self, message: dict[str, Any]) -> None:
        size = (self.parameters or {}).get("num_tf_per_slice", 2)
        count = ceil(message["tf_count"] / size)
        for number in range(count):
            self._slice(message, number, size)
        known = self.monitor.call("GET", f"/run-states/{self.run_id}/")
        self._run_state(
            stf_samples_received=known["stf_samples_received"] + 1,
            slices_created=known["slices_created"] + count,
            slices_queued=known["slices_queued"] + count,
        )
        data = {"tf_filename": message["tf_filename"], "slices_created": count}
        self._event("tf_file_processed", data)

    def _slice(self, message: dict[str, Any], number: int, size: int) -> None:
        first = message["tf_first"] + number * size
        last = min(first + size - 1, message["tf_last"])
        name = f"{message['tf_filename'].removesuffix('.tf')}_slice_{number:03d}.tf"
        body = {
            "slice_id": number,
            "tf_first": first,
            "tf_last": last,
            "tf_count": last - first + 1,
            "tf_filename": name,
            "stf_filename": message["stf_filename"],
            "run_number": int(message["run_id"]),
            "status": "queued",
            "retries": 0,
            "metadata": {"execution_id": self.execution_id, "created_by": self.agent_name},
        }
        self.monitor.call("POST", "/tf-slices/", body)
        content = {
            "run_id": self.run_id,
            "execution_id": self.execution_id,
            "req_id": str(uuid4()),
            "filename": message["stf_filename"],
            "tf_filename": name,
            "slice_id": number,
            "start": first,
            "end": last,
            "tf_count": last - first + 1,
            "state": "queued",
            "substate": "new",
        }
        self.send(
            SLICES,
            {"msg_type": "slice", "run_id": self.run_id, "content": content},
            {"persistent": "true", "ttl": "43200000"},
        )

    def _slice_result(self, message: dict[str, Any]) -> None:
        """The first slice with that number is taken for the one that the result is of."""
        content = message["content"]
        number = content["result"]["result"]["slice_id"]
        hits = self.monitor.list(f"/tf-slices/?run_number={self.run_id}&slice_id={number}")
        change = {
            "status": "completed" if content["state"] == "done" else "failed",
            "processed_at": content["processed_at"],
            "metadata": {
                "worker_hostname": content["hostname"],
                "panda_task_id": content["panda_task_id"],
                "panda_id": content["panda_id"],
                "harvester_id": content["harvester_id"],
                "processing_start_at": content["processing_start_at"],
                "result": content["result"],
            },
        }
        self.monitor.call("PATCH", f"/tf-slices/{hits[0]['id']}/", change)
        self._event("slice_result", {"slice_id": number, "state": content["state"]})
        self.results += 1


class OldTransformer(OldAgent):
    """A worker that answers each slice; it does not know the monitor as an agent."""

    agent_type = "transformer"
    destinations = (SLICES,)

    def start(self) -> None:
        """Connect and subscribe; nothing more."""
        self.connect()
        self.conn.subscribe(destination=SLICES, id=1, ack="auto")

    def exit(self) -> None:
        """Leave without a word."""
        self.operational_state = "EXITED"
        self.disconnect()

    def handle(self, message: dict[str, Any]) -> None:
        if message.get("msg_type") != "slice":
            return
        now = naive_utc_now()
        done = {**message["content"], "processed": True, "actual_processing_time": 0.1}
        content = {
            "requested_at": message["created_at"],
            "processing_start_at": now,
            "processed_at": now,
            "state": "done",
            "hostname": socket.gethostname(),
            "panda_server_url": "https://panda.example.org",
            "panda_task_id": 7,
            "panda_id": 8,
            "harvester_id": "harvester-1",
            "result": {"state": True, "result": done, "error": None},
        }
        body = {
            "msg_type": "slice_result",
            "run_id": message["run_id"],
            "created_at": now,
            "content": content,
        }
        headers = {
            "persistent": "false",
            "vo": "eic",
            "msg_type": "slice_result",
            "namespace": self.site.namespace,
            "run_id": str(message["run_id"]),
        }
        self.transmit(RESULTS, body, headers)


def events_in(lines: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Server-sent events in lines of text: name and decoded data."""
    name, data = "message", []
    for line in lines:
        if line.startswith("event:"):
            name = line[6:].strip()
        elif line.startswith("data:"):
            data.append(line[5:].lstrip())
        elif not line and data:
            yield name, json.loads("\n".join(data))
            name, data = "message", []


def send_workflow_command(site: Site, body: dict[str, Any]) -> None:
    """What the predecessor's script of that name does: it connects, sends, and leaves at once."""
    conn: Any = stomp.Connection11([(site.host, site.port)], auto_content_length=False)
    headers = {"client-id": f"cmd-sender-{os.getpid()}"}
    conn.connect(site.login, site.password, wait=True, version="1.1", headers=headers)
    whole = {**body, "namespace": site.namespace, "timestamp": naive_now()}
    conn.send(destination="/queue/workflow_control", body=json.dumps(whole))
    conn.disconnect(receipt=str(uuid4()))


class OldReceiver:
    """The receiver of the live stream, with its filters.

    :param last: the type of the message after which it leaves
    """

    def __init__(self, site: Site, message: str, agent: str, last: str) -> None:
        self.site = site
        self.filters = f"msg_types={message}&agents={agent}"
        self.events: list[tuple[str, Any]] = []
        self.status: Any = None
        self.failures: list[BaseException] = []
        self.connected = threading.Event()
        self._last = last
        self._thread = threading.Thread(target=self._read, name="old-receiver", daemon=True)

    def start(self) -> None:
        """Probe the monitor, then begin to read."""
        monitor = Monitor(self.site)
        try:
            self.status = monitor.call("GET", "/messages/stream/status/")
        finally:
            monitor.session.close()
        self._thread.start()

    def join(self, timeout: float) -> bool:
        """Wait for the last message; whether it came."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _read(self) -> None:
        url = f"{self.site.monitor_url}/api/messages/stream/?{self.filters}"
        headers = {
            "Authorization": f"Token {self.site.token}",
            "Accept": "text/event-stream",
            "Cache-Control": "no-cache",
        }
        try:
            with (
                requests.Session() as session,
                session.get(url, headers=headers, stream=True, timeout=(10, 3600)) as answer,
            ):
                answer.raise_for_status()
                lines = answer.iter_lines(chunk_size=1, decode_unicode=True)
                for name, data in events_in(lines):
                    if name == "heartbeat":
                        continue
                    self.events.append((name, data))
                    self.connected.set()
                    if name == self._last:
                        return
        except Exception as error:
            self.failures.append(error)
