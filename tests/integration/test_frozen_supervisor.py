"""A supervisor that hangs harms nobody but who asks it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.engine import docker
from tests.rest import Api
from tests.waiting import eventually

if TYPE_CHECKING:
    from testbed.integration import TestbedStack

VIEWERS = 24
"""More than the pool has connections."""


def test_viewers_who_wait_for_a_frozen_supervisor_block_nobody(stack: TestbedStack) -> None:
    supervisor = stack.container_id("supervisor")
    docker("pause", supervisor)
    try:
        with ThreadPoolExecutor(VIEWERS) as threads:
            waiting = [
                threads.submit(Api(stack, "viewer").request, "GET", "supervised-agents/")
                for _ in range(VIEWERS)
            ]
            eventually(lambda: sum(one.done() for one in waiting) >= VIEWERS - 16, "some are told")
            for _ in range(20):
                started = time.monotonic()
                answer = Api(stack, "viewer").request("GET", "runs/")
                assert answer.status_code == 200, answer.text
                assert time.monotonic() - started < 2
            assert sum(not one.done() for one in waiting) == 16, "the supervisor is waited for"
            for one in waiting:
                assert one.result().status_code == 503
                assert "database" not in one.result().text
                assert (
                    "supervisor" in one.result().text or "wait for an answer" in one.result().text
                )
    finally:
        docker("unpause", supervisor)
    eventually(
        lambda: Api(stack, "viewer").request("GET", "supervised-agents/").status_code == 200,
        "the supervisor answers again",
    )
