"""What every agent needs: connection, confirmed work, heartbeat, state file, logs, shutdown."""

from agents.runtime.agent import BaseAgent
from agents.runtime.routing import handles

__all__ = ["BaseAgent", "handles"]
