"""`testbed mcp`"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from testbed.commands.options import with_session

if TYPE_CHECKING:
    from testbed.stack.session import Session

URL_VARIABLE = "TESTBED_MCP_URL"
TOKEN_VARIABLE = "TESTBED_MCP_TOKEN"


@click.command()
@click.option("--shell", is_flag=True, help="Print the variables of .mcp.json for a shell instead.")
@with_session
def mcp(session: Session, shell: bool) -> None:
    """Print the configuration with which an MCP client reaches the running testbed.

    It holds a viewer's token, which reads. To act, a client needs one of an operator.
    """
    from testbed.output import console

    url = session.monitor_address()
    token = session.project.secret("token_viewer")
    console.note("A viewer's token: it reads. To act, use one of: testbed token --role operator")
    address = f"{url}/mcp/"
    if shell:
        console.result(f"export {URL_VARIABLE}={address} {TOKEN_VARIABLE}={token}")
    else:
        console.result(json.dumps(client_configuration(address, token), indent=2))


def client_configuration(address: str, token: str) -> dict[str, object]:
    """What MCP clients call `mcpServers`: one server, by address and header."""
    return {
        "mcpServers": {
            "swf-testbed": {
                "type": "http",
                "url": address,
                "headers": {"Authorization": f"Bearer {token}"},
            }
        }
    }
