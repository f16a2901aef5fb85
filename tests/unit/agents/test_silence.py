"""How long the monitor has accepted no heartbeat of an agent."""

from __future__ import annotations

import pytest

from tests.unit.agents.bench import Bench


def test_a_silence_is_remembered_until_it_has_been_asked_about(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Heartbeats may be accepted again before a runner sends its next message."""
    bench.ready()
    reporter = bench.agent._reporter
    monkeypatch.setattr(reporter, "_accepted_at", reporter._accepted_at - 100)
    assert bench.agent.longest_silence_s > 100
    beats = len(bench.monitor.beats())
    reporter.changed()
    bench.monitor.wait(lambda: len(bench.monitor.beats()) > beats, "the next heartbeat")
    bench.monitor.wait(lambda: reporter._longest_s > 100, "it is accepted")
    assert bench.agent.longest_silence_s > 100
    reporter.forget_silence()
    assert bench.agent.longest_silence_s < 100
