"""An agent whose handler never returns; broken_agents.yaml puts it among the programs."""

from __future__ import annotations

import time

from agents.runtime import BaseAgent, handles
from swf_common.protocol.message import Message


class HangingAgent(BaseAgent):
    """Hangs with the first `hang` that comes."""

    agent_type = "processing"
    handler_limit = 3.0

    @handles("hang")
    def hang(self, _message: Message) -> None:
        time.sleep(9999)
