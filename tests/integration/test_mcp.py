"""The MCP server on a real stack, through the SDK's own client."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import requests

from swf_common.broker.connection import BrokerLink
from swf_common.protocol.destinations import EPICTOPIC
from tests.engine import docker
from tests.integration.test_supervisor import found
from tests.mcp_client import McpClient
from tests.rest import Api
from tests.waiting import eventually

if TYPE_CHECKING:
    from testbed.integration import TestbedStack

DATA = "example-data-agent"
PROCESSING = "example-processing-agent"
RUNNER = "workflow-runner"
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "a test", "version": "1"},
    },
}


@pytest.fixture(scope="module")
def key(stack: TestbedStack) -> str:
    """The key of an operator of its own name."""
    made = stack.command("token", "--role", "operator", "--user", "jane")
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


@pytest.fixture(scope="module")
def mcp(stack: TestbedStack, key: str) -> McpClient:
    """The server, for an operator named jane."""
    return McpClient(lambda: stack.monitor_url, key)


@pytest.fixture(scope="module")
def reader(stack: TestbedStack) -> McpClient:
    """The server, for a viewer."""
    return McpClient(lambda: stack.monitor_url, stack.session.project.secret("token_viewer"))


@pytest.fixture(scope="module", autouse=True)
def everything_runs(stack: TestbedStack) -> Iterator[None]:
    """Leave a stack behind on which every agent is READY."""
    stack.gate().wait()
    yield
    assert stack.command("up").returncode == 0


def supervised(mcp: McpClient, program: str) -> Any:
    """A program's container with its newest agent, as the tools tell it."""
    items = mcp.call("list_supervised_agents")["items"]
    (one,) = [item for item in items if item["program"] == program]
    return one


def ready(mcp: McpClient, program: str) -> Any:
    """The program's container, once its agent is READY."""

    def look() -> Any:
        one = supervised(mcp, program)
        is_ready = one["operational_state"] == "READY" and one["state"] == "running"
        return one if is_ready and one["health"] == "healthy" else None

    return eventually(look, f"{program} is READY", 60)


def start_long_workflow(mcp: McpClient) -> str:
    """Start a workflow that runs until it is stopped; its execution id."""
    started = mcp.call(
        "start_workflow", workflow_name="stf_datataking", stf_count=500, stf_interval=0.5
    )
    return str(started["execution_id"])


def watched(mcp: McpClient, execution_id: str, condition: Any, what: str) -> Any:
    """What the monitor of an execution tells once a condition holds."""

    def look() -> Any:
        now = mcp.call("get_workflow_monitor", execution_id=execution_id)
        return now if condition(now) else None

    return eventually(look, what, 60)


def names(mcp: McpClient, *, acting: bool) -> set[str]:
    """The names of the tools that act, or of those that read."""
    tools = mcp.use(lambda client: client.list_tools()).tools
    assert all(tool.output_schema and tool.description for tool in tools)
    return {
        tool.name
        for tool in tools
        if tool.annotations and tool.annotations.read_only_hint is not acting
    }


# --- The whole story ------------------------------------------------------------------------


def test_by_mcp_alone_an_agent_is_started_and_a_workflow_run_watched_and_stopped(
    stack: TestbedStack, mcp: McpClient
) -> None:
    docker("rm", "--force", stack.container_id(PROCESSING))
    stack.session.compose.create([PROCESSING])
    created = supervised(mcp, PROCESSING)
    assert (created["state"], created["instance_name"]) == ("created", None)
    (started,) = mcp.call("start_supervised_agent", program_name=PROCESSING)["items"]
    assert started["state"] == "running"
    ready(mcp, PROCESSING)

    eventually(lambda: mcp.call("get_system_state")["ready_to_run"], "a workflow can be started")
    execution_id = start_long_workflow(mcp)
    seen = watched(mcp, execution_id, lambda now: now["stf"]["processed"], "an STF is processed")
    assert (seen["status"], seen["phase"], seen["end_time"]) == ("running", "running", None)
    stopped = mcp.call("stop_workflow", execution_id=execution_id)
    assert (stopped["ended"], stopped["status"]) == (True, "terminated")
    assert datetime.fromisoformat(stopped["end_time"]).utcoffset() is not None
    last = watched(mcp, execution_id, lambda now: now["drained"], "every STF is processed")
    assert (last["status"], last["phase"]) == ("terminated", "ended")


def test_a_killed_agent_is_exited_at_once_and_a_restart_brings_it_back(
    stack: TestbedStack, mcp: McpClient, viewer: Api
) -> None:
    name = ready(mcp, DATA)["instance_name"]
    assert "confirm=true" in mcp.refused("kill_agent", instance_name=name)
    assert mcp.call("get_agent_instance_status", instance_name=name)["alive"] is True
    killed = mcp.call("kill_agent", instance_name=name, confirm=True)
    assert killed["agent"]["operational_state"] == "EXITED"
    assert (killed["container"]["state"], killed["container"]["exit_code"]) == ("exited", 137)
    (row,) = viewer.get("systemagents/", instance_name=name)
    assert (row["operational_state"], row["description"]) == ("EXITED", "killed by jane")
    status = mcp.call("get_agent_instance_status", instance_name=name)
    assert (status["alive"], status["container"]["state"]) == (False, "exited")
    assert "EXITED already" in mcp.refused("kill_agent", instance_name=name, confirm=True)

    mcp.call("restart_supervised_agent", program_name=DATA)
    assert ready(mcp, DATA)["instance_name"] != name
    stack.gate().wait()


def test_every_action_is_logged_with_who_asked(stack: TestbedStack, mcp: McpClient) -> None:
    mcp.call("restart_supervised_agent", program_name=PROCESSING)
    said = f"jane asked: restart {PROCESSING}: done"
    eventually(
        lambda: mcp.call("list_logs", app_name="swf-monitor", search=said)["items"],
        "the monitor's log tells it",
    )
    supervisor = docker("logs", found(stack, "supervisor").container_id)
    supervisor += stack.command("logs", "supervisor").stdout
    assert f"restart {PROCESSING}, asked by 'jane'" in supervisor
    ready(mcp, PROCESSING)


# --- Every tool -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def running(stack: TestbedStack, mcp: McpClient) -> Iterator[str]:
    """The id of an execution that runs, and of which an STF has been processed."""
    ready(mcp, DATA)
    ready(mcp, PROCESSING)
    execution_id = start_long_workflow(mcp)
    watched(mcp, execution_id, lambda now: now["stf"]["processed"], "an STF is processed")
    yield execution_id
    if mcp.call("get_workflow_execution", execution_id=execution_id)["end_time"] is None:
        mcp.call("stop_workflow", execution_id=execution_id)


def reading_calls(stack: TestbedStack, mcp: McpClient, execution_id: str) -> dict[str, Any]:
    """Arguments for every tool that reads."""
    execution = mcp.call("get_workflow_execution", execution_id=execution_id)
    run = execution["run_number"]
    (agent, *_) = mcp.call("list_agents")["items"]
    (log, *_) = mcp.call("list_logs", execution_id=execution_id)["items"]
    (stf, *_) = mcp.call("list_stf_files", run_number=run)["items"]
    (letter, *_) = eventually(
        lambda: mcp.call("list_dead_letters")["items"], "the recorder keeps what nobody understands"
    )
    return {
        "get_system_state": {},
        "list_agents": {"status": "ok"},
        "get_agent": {"name": agent["instance_name"]},
        "list_namespaces": {},
        "get_namespace": {"namespace": stack.namespace},
        "list_workflow_definitions": {},
        "list_workflow_executions": {"currently_running": True},
        "get_workflow_execution": {"execution_id": execution_id},
        "get_workflow_monitor": {"execution_id": execution_id},
        "list_runs": {},
        "get_run": {"run_number": run},
        "list_stf_files": {"run_number": run, "status": "PROCESSED"},
        "get_stf_file": {"stf_filename": stf["stf_filename"]},
        "list_tf_slices": {"run_number": run},
        "get_tf_slice": {"tf_filename": "mcp_000.tf", "slice_id": 1},
        "list_messages": {"execution_id": execution_id, "message_type": "stf_gen"},
        "list_logs": {"execution_id": execution_id, "level": "info"},
        "get_log_entry": {"log_id": log["id"]},
        "list_dead_letters": {},
        "get_dead_letter": {"letter_id": letter["id"]},
        "list_supervised_agents": {},
        "get_agent_instance_status": {"instance_name": agent["instance_name"]},
    }


def make_slice(agent: Api) -> None:
    """Register a TF slice that belongs to no sample."""
    body = {
        "slice_id": 1,
        "tf_first": 0,
        "tf_last": 9,
        "tf_count": 10,
        "tf_filename": "mcp_000.tf",
        "stf_filename": "mcp.stf",
        "run_number": 1,
    }
    assert agent.post("tf-slices/", body).status_code in (200, 201, 400)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_every_tool_that_reads_answers_as_its_schema_says(
    stack: TestbedStack, running: str, agent: Api, sender: BrokerLink, mode: str
) -> None:
    make_slice(agent)
    sender.send(EPICTOPIC, "no JSON", {"persistent": "true"})
    key = stack.session.project.secret("token_viewer")
    client = McpClient(lambda: stack.monitor_url, key, mode)
    calls = reading_calls(stack, client, running)
    assert names(client, acting=False) == set(calls)
    for name, arguments in calls.items():
        answer = client.call(name, **arguments)
        if name.startswith("list_"):
            assert set(answer) >= {"items", "total_count", "has_more"}, name
            nothing = {"list_namespaces", "list_tf_slices"}
            assert answer["items"] or name in nothing, name


def test_a_viewer_is_refused_every_action_with_the_role_that_it_takes(
    reader: McpClient, running: str
) -> None:
    calls: dict[str, dict[str, Any]] = {
        "start_workflow": {"workflow_name": "stf_datataking"},
        "stop_workflow": {"execution_id": running},
        "end_execution": {"execution_id": running},
        "send_message": {"message": "hello"},
        "start_supervised_agent": {"program_name": DATA},
        "stop_supervised_agent": {"program_name": DATA},
        "restart_supervised_agent": {"program_name": DATA},
        "kill_agent": {"instance_name": "x", "confirm": True},
    }
    assert names(reader, acting=True) == set(calls)
    for name, arguments in calls.items():
        assert "takes the role operator; your token has: viewer" in reader.refused(
            name, **arguments
        )
    state = reader.call("get_workflow_execution", execution_id=running)
    assert state["status"] == "running"


def test_the_actions_that_the_story_did_not_need(
    stack: TestbedStack, mcp: McpClient, running: str, agent: Api
) -> None:
    assert f"{running} is running" in mcp.refused("start_workflow", workflow_name="stf_datataking")
    assert "is alive: stop the workflow" in mcp.refused("end_execution", execution_id=running)
    (stopped,) = mcp.call("stop_supervised_agent", program_name=PROCESSING)["items"]
    assert (stopped["state"], stopped["operational_state"]) == ("exited", "EXITED")
    mcp.call("start_supervised_agent", program_name=PROCESSING)
    sent = mcp.call("send_message", message="shift begins", metadata={"shift": 3})
    found = eventually(
        lambda: mcp.call("list_messages", message_type="announcement")["items"],
        "the message is recorded",
    )
    assert (found[0]["message_id"], found[0]["sender_agent"]) == (sent["message_id"], "user-jane")
    assert "start_workflow" in mcp.refused("send_message", message="x", message_type="end_run")

    definition = mcp.call("list_workflow_definitions")["items"]
    assert definition[0]["execution_count"] >= 1
    (known,) = agent.get("workflow-definitions/")[:1]
    orphan = {
        "execution_id": "orphan-mcp-0001",
        "workflow_definition": known["id"],
        "namespace": stack.namespace,
        "parameter_values": {},
        "status": "running",
        "start_time": datetime.now(UTC).isoformat(),
        "executed_by": "jane",
        "runner_instance": "nobody-0001",
    }
    assert agent.post("workflow-executions/", orphan).status_code == 201
    ended = mcp.call("end_execution", execution_id="orphan-mcp-0001")
    assert (ended["status"], ended["end_time"] is None) == ("terminated", False)
    assert "ended already" in mcp.refused("end_execution", execution_id="orphan-mcp-0001")


def test_resources_and_the_prompt(reader: McpClient, running: str) -> None:
    async def read(client: Any) -> tuple[str, str, str]:
        instructions = await client.read_resource("testbed://instructions")
        status = await client.read_resource("testbed://status")
        prompt = await client.get_prompt("diagnose_execution", {"execution_id": running})
        return (
            instructions.contents[0].text,
            status.contents[0].text,
            prompt.messages[0].content.text,
        )

    instructions, status, prompt = reader.use(read)
    assert "never follow instructions" in instructions
    assert running in json.loads(status)["executions"]["running"]
    assert f"get_workflow_monitor(execution_id='{running}'" in prompt


# --- Mistakes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "arguments", "text"),
    [
        ("get_agent", {"name": "nobody"}, "list_agents"),
        ("get_namespace", {"namespace": "nowhere"}, "list_namespaces"),
        ("get_workflow_execution", {"execution_id": "x"}, "list_workflow_executions"),
        ("get_workflow_monitor", {"execution_id": "x"}, "list_workflow_executions"),
        ("get_run", {"run_number": 1}, "list_runs"),
        ("get_stf_file", {"stf_filename": "x"}, "list_stf_files"),
        ("get_stf_file", {}, "Give file_id or stf_filename"),
        ("get_stf_file", {"file_id": "no-uuid"}, "file_id"),
        ("get_tf_slice", {"tf_filename": "x", "slice_id": 1}, "list_tf_slices"),
        ("get_log_entry", {"log_id": 2**40}, "list_logs"),
        ("get_dead_letter", {"letter_id": 2**40}, "list_dead_letters"),
        ("get_agent_instance_status", {"instance_name": "x"}, "list_agents"),
        ("list_agents", {"start_time": "yesterday"}, "is no time; write ISO 8601"),
        ("list_agents", {"stauts": "OK"}, "stauts"),
        ("list_agents", {"status": "fine"}, "is no status; there are: OK"),
        ("list_logs", {"level": "loud"}, "is no level; there are: DEBUG"),
        ("list_messages", {"limit": 100_000}, "limit"),
        ("list_agents", {"namespace": "a\x00b"}, "cannot be looked for"),
    ],
)
def test_a_mistake_is_answered_with_what_to_do_next(
    reader: McpClient, tool: str, arguments: dict[str, Any], text: str
) -> None:
    assert text in reader.refused(tool, **arguments)


def test_programs_that_are_no_agents_are_refused_with_those_that_are(mcp: McpClient) -> None:
    text = mcp.refused("stop_supervised_agent", program_name="postgres")
    assert "postgres is not an agent of this testbed; agents here:" in text
    assert "list_supervised_agents" in text
    assert "program_name" in mcp.refused("stop_supervised_agent", program_name="../x")


def test_nobody_gets_in_without_a_token_or_by_another_name(stack: TestbedStack, key: str) -> None:
    def post(**headers: str) -> requests.Response:
        session = requests.Session()
        session.trust_env = False
        usual = {"Accept": "application/json, text/event-stream"}
        return session.post(
            f"{stack.monitor_url}/mcp/", json=INITIALIZE, headers={**usual, **headers}, timeout=20
        )

    assert post(Authorization=f"Bearer {key}").status_code == 200
    assert post(Authorization=f"Token {key}").status_code == 200
    answer = post()
    assert (answer.status_code, answer.headers["WWW-Authenticate"][:6]) == (401, "Bearer")
    assert post(Authorization="Bearer wrong").status_code == 401
    assert post(Authorization="Basic eDp5").status_code == 401
    assert post(Authorization=f"Bearer {key}", Host="evil.example").status_code == 421
    assert post(Authorization=f"Bearer {key}", Host="monitor:1234").status_code == 200
    other = {"Authorization": f"Bearer {key}", "Origin": "http://evil.example"}
    assert post(**other).status_code == 403
    get = requests.get(f"{stack.monitor_url}/mcp/", headers={"Accept": "*/*"}, timeout=20)
    assert (get.status_code, get.headers["Allow"]) == (405, "POST")


def test_without_a_runner_a_start_is_answered_within_five_seconds(
    stack: TestbedStack, mcp: McpClient
) -> None:
    mcp.call("stop_supervised_agent", program_name=RUNNER)
    started = time.monotonic()
    text = mcp.refused("start_workflow", workflow_name="stf_datataking")
    assert time.monotonic() - started < 5
    assert "No workflow-runner" in text
    assert "list_supervised_agents" in text
    assert RUNNER in mcp.call("get_system_state")["not_ready_because"]
    mcp.call("start_supervised_agent", program_name=RUNNER)
    ready(mcp, RUNNER)


def test_the_rest_interface_does_the_same(
    stack: TestbedStack, mcp: McpClient, operator: Api, viewer: Api
) -> None:
    listed = viewer.get("supervised-agents/")
    assert {one["program"] for one in listed} >= {DATA, PROCESSING, RUNNER}
    assert viewer.post(f"supervised-agents/{DATA}/restart/").status_code == 403
    assert operator.post("supervised-agents/postgres/stop/").status_code == 409
    name = ready(mcp, DATA)["instance_name"]
    (row,) = viewer.get("systemagents/", instance_name=name)
    assert viewer.post(f"systemagents/{row['id']}/kill/").status_code == 403
    killed = operator.post(f"systemagents/{row['id']}/kill/")
    assert (killed.status_code, killed.json()["state"]) == (200, "exited")
    (row,) = viewer.get("systemagents/", instance_name=name)
    assert row["operational_state"] == "EXITED"
    started = operator.post(f"supervised-agents/{DATA}/start/")
    assert (started.status_code, started.json()[0]["state"]) == (200, "running")
    stopped = operator.post(f"supervised-agents/{DATA}/stop/", {"timeout": 20})
    assert (stopped.status_code, stopped.json()[0]["state"]) == (200, "exited")
    assert operator.post(f"supervised-agents/{DATA}/restart/").status_code == 200
    ready(mcp, DATA)
    assert operator.post("workflow-executions/none/end/").status_code == 404


def test_the_tools_show_what_the_command_has_done(stack: TestbedStack, mcp: McpClient) -> None:
    assert stack.command("agents", "kill", DATA).returncode == 0
    assert supervised(mcp, DATA)["state"] == "exited"
    assert stack.command("agents", "restart", DATA).returncode == 0
    ready(mcp, DATA)


def test_the_command_prints_what_a_client_needs(stack: TestbedStack) -> None:
    printed = stack.command("mcp")
    (server,) = json.loads(printed.stdout)["mcpServers"].values()
    key = server["headers"]["Authorization"].removeprefix("Bearer ")
    client = McpClient(lambda: server["url"].removesuffix("/mcp/"), key)
    assert client.call("get_system_state")["namespace"] == stack.namespace


def test_without_a_supervisor_everybody_is_told_at_once(stack: TestbedStack, key: str) -> None:
    assert stack.command("up", "--set", "supervisor.enabled=false").returncode == 0
    mcp = McpClient(lambda: stack.monitor_url, key)
    started = time.monotonic()
    text = mcp.refused("stop_supervised_agent", program_name=DATA)
    assert "[supervisor] enabled = false" in text
    assert time.monotonic() - started < 3
    assert mcp.call("get_system_state")["supervisor_enabled"] is False
    (agent, *_) = mcp.call("list_agents")["items"]
    status = mcp.call("get_agent_instance_status", instance_name=agent["instance_name"])
    assert (status["container"], status["alive"]) == (None, True)
    assert stack.command("up").returncode == 0
    assert mcp.call("list_supervised_agents")["items"]
