"""Messages that no agent can handle: tried again, then put aside where everybody sees them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from swf_common.protocol.destinations import EPICTOPIC
from tests.broker import connected
from tests.rest import Api
from tests.waiting import eventually

if TYPE_CHECKING:
    from testbed.integration import TestbedStack


def test_a_message_that_cannot_be_handled_becomes_a_dead_letter_of_its_agent(
    stack: TestbedStack, viewer: Api
) -> None:
    assert stack.command("up").returncode == 0
    poison = {"msg_type": "stf_gen", "namespace": stack.namespace, "message_id": str(uuid4())}
    with connected(stack) as link:
        link.send(EPICTOPIC, json.dumps(poison), {"persistent": "true"})

    def letters() -> list[Any]:
        rows = viewer.get("dead-letters/", message_type="stf_gen")
        return [row for row in rows if row["message_id"] == poison["message_id"]]

    (letter,) = eventually(letters, "the broker gives up after five tries", 60)
    queue = f"/queue/Consumer.{stack.namespace}-example-data-agent.epictopic"
    assert letter["destination"] == queue, "only the program that handles it refuses it"
    assert letter["cause"]
    status = json.loads(stack.command("status", "--json").stdout)
    assert status["dead_letters"] >= 1
