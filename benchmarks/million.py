"""REST with a million messages behind it: how long list and filter calls take."""

from __future__ import annotations

import time
from typing import Any

import requests

from benchmarks.database import execute
from benchmarks.outcome import finish
from benchmarks.runs import WITHOUT_AGENTS
from benchmarks.usage import metered
from testbed.integration import TestbedStack

ROWS = 1_000_000
CALLS = 100
FILL = f"""
INSERT INTO swf_workflow_messages (message_id, message_type, sender_agent, namespace, execution_id,
    run_id, message_content, sent_at, recorded_at, queue_name)
SELECT gen_random_uuid(),
    (ARRAY['stf_gen', 'stf_ready', 'processing_complete', 'slice'])[1 + n % 4],
    'agent-' || n % 20, 'bench', 'bench-' || n / 5000, (100010 + n / 5000)::text,
    jsonb_build_object('msg_type', 'stf_gen', 'sequence', n, 'filename', 'swf.' || n || '.stf',
        'checksum', repeat('0123456789abcdef', 4), 'state', 'run', 'substate', 'physics'),
    now() - (({ROWS} - n) * interval '100 milliseconds'), now(), '/queue/bench'
FROM generate_series(1, {ROWS}) AS n;
"""
CAPPED = "a plain array, capped"
QUERIES: dict[str, dict[str, Any]] = {
    "newest page": {"limit": 100},
    "one execution": {"limit": 100, "execution_id": "bench-77"},
    "one run": {"limit": 100, "run_id": "100050"},
    "one type": {"limit": 100, "message_type": "slice"},
    "one sender": {"limit": 100, "sender_agent": "agent-7"},
    "a type of one execution": {"limit": 100, "execution_id": "bench-9", "message_type": "slice"},
    "nothing of that sender": {"limit": 100, "sender_agent": "nobody"},
    "one namespace": {"limit": 100, "namespace": "bench"},
    "the last hour": {"limit": 100, "since": "-1h"},
    "a plain array of one execution": {"execution_id": "bench-5", "message_type": "stf_gen"},
    CAPPED: {},
}


def main() -> None:
    with TestbedStack(overrides=WITHOUT_AGENTS) as stack:
        fill(stack)
        with metered(stack) as meter:
            measured = measure(stack)
    calls = sum(1 + calls_of(parameters) for parameters in QUERIES.values())
    usage = meter.show("a million messages", "call", calls)
    figures = {
        "array_p95_ms": measured.pop(CAPPED),
        "list_p95_ms": max(measured.values()),
    }
    finish("million", figures, {"calls": usage})


def fill(stack: TestbedStack) -> None:
    """A million messages, straight into the table; the database's own work after it is done."""
    started = time.perf_counter()
    for statement in (FILL, "VACUUM ANALYZE", "CHECKPOINT"):
        execute(stack, statement)
    print(f"{ROWS} messages in {time.perf_counter() - started:.0f} s")


def measure(stack: TestbedStack) -> dict[str, float]:
    """The 95th percentile of each query, in milliseconds, as a client sees it."""
    session = requests.Session()
    session.trust_env = False
    session.headers["Authorization"] = f"Token {stack.session.project.secret('token_viewer')}"
    url = f"{stack.monitor_url}/api/workflow-messages/"
    hour_ago = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600))
    percentiles = {}
    for name, parameters in QUERIES.items():
        parameters = {
            key: hour_ago if value == "-1h" else value for key, value in parameters.items()
        }
        once(session, url, parameters)  # what is asked for often is in memory
        calls = calls_of(parameters)
        waits = sorted(once(session, url, parameters) for _ in range(calls))
        percentiles[name] = 1000 * waits[int(0.95 * calls)]
        print(f"{name}: p50 {1000 * waits[calls // 2]:.0f} ms, p95 {percentiles[name]:.0f} ms")
    return percentiles


def calls_of(parameters: dict[str, Any]) -> int:
    """How often a query is asked: those without a limit answer with a lot."""
    return CALLS if "limit" in parameters else 10


def once(session: requests.Session, url: str, parameters: dict[str, Any]) -> float:
    """Seconds that one call takes."""
    started = time.perf_counter()
    answer = session.get(url, params=parameters, timeout=60)
    assert answer.status_code == 200, answer.text
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
