"""Who calls a tool, and what the caller's role allows."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.resolve import Resolve

from monitor.access.roles import OPERATOR
from monitor.live.callers import Caller

SCOPE_KEY = "testbed.caller"
"""Where the ASGI scope of a request holds its caller."""


def caller_of(context: Context[Any, Any]) -> Caller:
    """The caller of the tool that has this context."""
    request: Any = context.request_context.request
    caller: Caller = request.scope[SCOPE_KEY]
    return caller


def operator_of(context: Context[Any, Any]) -> Caller:
    """The caller, who may act.

    :raises ToolError: the role does not allow it
    """
    caller = caller_of(context)
    if OPERATOR not in caller.roles:
        roles = ", ".join(sorted(caller.roles))
        raise ToolError(
            f"This tool acts on the testbed, which takes the role operator; your token has: "
            f"{roles}. Ask the testbed's owner for one: testbed token --role operator"
        )
    return caller


Reader = Annotated[Caller, Resolve(caller_of)]
"""A parameter that is the caller."""
Operator = Annotated[Caller, Resolve(operator_of)]
"""A parameter that is the caller, and without which no tool may act."""
