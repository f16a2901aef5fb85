"""What the broker's statistics plugin answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from swf_common.broker.model import Delivery

STATISTICS = "/queue/ActiveMQ.Statistics.Destination."
"""Start of the queue to which a question goes; a pattern of queues follows."""
STATISTICS_END = "ActiveMQ.Statistics.Destination.List.End.With.Null"
"""Header that asks the broker to end its answers with an empty one."""


def facts(answer: Delivery) -> dict[str, Any]:
    """One answer of the statistics plugin: a map in ActiveMQ's JSON form, by name.

    An entry is `{"string": name, "<type>": value}`, or `{"string": [name, value]}` for a text.
    """
    content = json.loads(answer.body)["map"]
    if not content:
        return {}
    found = {}
    for entry in content["entry"]:
        name = entry.pop("string")
        if isinstance(name, list):
            found[name[0]] = name[1]
        else:
            (found[name],) = entry.values()
    return found


def depths(of_queue: Mapping[str, Any]) -> dict[str, Any]:
    """A queue with the number of messages that wait or are being handled, and of who consumes."""
    return {
        "queue": str(of_queue["destinationName"]).partition("://")[2],
        "depth": of_queue["size"],
        "in_flight": of_queue["inflightCount"],
        "consumers": of_queue["consumerCount"],
    }
