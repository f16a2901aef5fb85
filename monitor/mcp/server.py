"""The MCP server: every tool, resource and prompt, with the instructions for its clients."""

from __future__ import annotations

from collections.abc import Callable
from inspect import cleandoc
from typing import Any

from django.conf import settings
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.tools import Tool
from mcp.types import ToolAnnotations

from monitor.mcp import (
    actions,
    data,
    dead_letters,
    guidance,
    messages,
    supervised,
    system,
    workflows,
)
from monitor.mcp.tools import in_words
from swf_common import __version__

CATEGORIES = (system, workflows, data, messages, dead_letters, actions, supervised)
DESTRUCTIVE = frozenset({"kill_agent", "stop_workflow", "stop_supervised_agent", "end_execution"})


def make_server() -> MCPServer:
    """A server with everything on it."""
    tools = [
        _tool(function, acts=function in category.ACTING)
        for category in CATEGORIES
        for function in (*category.READING, *category.ACTING)
    ]
    server: MCPServer = MCPServer(
        "swf-testbed",
        title=f"swf-testbed {settings.TESTBED_NAMESPACE}".strip(),
        instructions=guidance.INSTRUCTIONS,
        version=__version__,
        tools=tools,
        log_level="WARNING",
    )
    guidance.register(server)
    return server


def _tool(function: Callable[..., Any], *, acts: bool) -> Tool:
    """A function as a tool that takes no other arguments than its own."""
    tool = Tool.from_function(
        in_words(function),
        description=cleandoc(function.__doc__ or ""),
        annotations=ToolAnnotations(
            read_only_hint=not acts,
            destructive_hint=function.__name__ in DESTRUCTIVE if acts else None,
            open_world_hint=False,
        ),
        structured_output=True,
    )
    arguments = tool.fn_metadata.arg_model
    arguments.model_config["extra"] = "forbid"
    arguments.model_rebuild(force=True)
    tool.parameters = arguments.model_json_schema(by_alias=True)
    return tool
