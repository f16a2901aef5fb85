"""The life of an agent: READY is proved, and EXITED is told."""

from __future__ import annotations

from tests.unit.agents.bench import INTERVAL_S, PROGRAM, Bench, Echo, stf_gen
from tests.unit.samples import NAMESPACE
from tests.unit.stomp_server import StompServer
from tests.unit.testbed.monitor_server import MonitorServer
from tests.waiting import eventually


def test_an_agent_is_ready_only_when_its_subscription_is_confirmed(
    bench: Bench, server: StompServer, monitor: MonitorServer
) -> None:
    server.silent.add("SUBSCRIBE")
    bench.start()
    (frame,) = server.wait_for("SUBSCRIBE")
    beat = monitor.wait_for_beat(operational_state="STARTING")
    assert (beat["status"], beat["mq_connected"]) == ("WARNING", False)
    assert monitor.beats(operational_state="READY") == []
    server.confirm(frame)
    beat = monitor.wait_for_beat(operational_state="READY")
    assert (beat["status"], beat["mq_connected"]) == ("OK", True)


def test_the_state_file_says_ready_only_when_the_monitor_has_accepted_it(
    bench: Bench, server: StompServer, monitor: MonitorServer
) -> None:
    monitor.answers["POST", "systemagents/heartbeat/"] = (400, {"status": "is not known"})
    bench.start()
    monitor.wait_for_beat(operational_state="READY")
    monitor.wait(lambda: len(monitor.beats(operational_state="READY")) >= 2, "a second attempt")
    assert bench.state == "STARTING"
    del monitor.answers["POST", "systemagents/heartbeat/"]
    eventually(lambda: bench.state == "READY", "READY in the state file")


def test_the_heartbeat_tells_who_and_where_the_agent_is(
    bench: Bench, monitor: MonitorServer
) -> None:
    bench.ready()
    beat = monitor.wait_for_beat(operational_state="READY")
    assert beat["instance_name"] == "echo-agent-jane-0042"
    assert (beat["agent_type"], beat["program"]) == ("Echo", PROGRAM)
    assert (beat["namespace"], beat["heartbeat_interval"]) == (NAMESPACE, INTERVAL_S)
    (request, *_) = monitor.of("POST", "systemagents/heartbeat/")
    assert request.authorization == "Token token-of-agents"


def test_an_agent_consumes_the_queue_of_its_program(bench: Bench, server: StompServer) -> None:
    bench.ready()
    (frame,) = server.of("SUBSCRIBE")
    assert frame.destination == f"/queue/Consumer.{NAMESPACE}-{PROGRAM}.epictopic"
    assert frame.headers["ack"] == "client-individual"


def test_an_agent_at_work_is_processing_and_then_ready_again(
    bench: Bench, monitor: MonitorServer
) -> None:
    bench.ready()
    Echo.gate.clear()
    bench.deliver(stf_gen())
    assert monitor.wait_for_beat(operational_state="PROCESSING")["current_stf_count"] == 1
    Echo.gate.set()
    beat = monitor.wait_for_beat(operational_state="READY", total_stf_processed=1)
    assert beat["current_stf_count"] == 0


def test_losing_the_broker_is_a_warning_until_it_is_back(
    bench: Bench, server: StompServer, monitor: MonitorServer
) -> None:
    bench.ready()
    server.password = "another"
    server.drop()
    beat = monitor.wait_for_beat(operational_state="READY", status="WARNING")
    assert beat["description"].startswith("no broker: ")
    count = len(monitor.beats())
    server.password = "secret"
    monitor.wait(
        lambda: any(beat["status"] == "OK" for beat in monitor.beats()[count:]), "an OK again"
    )


def test_losing_only_the_sending_connection_is_told_at_once(
    bench: Bench, server: StompServer, monitor: MonitorServer
) -> None:
    bench.ready()
    receiving = {frame.connection for frame in server.of("SUBSCRIBE")}
    sending = {frame.connection for frame in server.of("STOMP")} - receiving
    server.password = "another"
    server.drop(*sending)
    monitor.wait_for_beat(operational_state="READY", status="WARNING")


def test_a_stop_finishes_the_work_in_hand_and_says_goodbye(
    bench: Bench, server: StompServer, monitor: MonitorServer
) -> None:
    bench.ready()
    Echo.gate.clear()
    bench.deliver(stf_gen())
    monitor.wait_for_beat(operational_state="PROCESSING")
    bench.agent.stop()
    Echo.gate.set()
    bench.join()
    assert bench.acknowledged() == ["ack-1"]
    assert monitor.beats()[-1]["operational_state"] == "EXITED"
    assert monitor.beats()[-1]["status"] == "EXITED"
    assert bench.state == "EXITED"
    assert len(server.wait_for("DISCONNECT", 2)) == 2


def test_an_agent_that_stops_while_the_broker_is_away_acknowledges_nothing_and_says_exited(
    bench: Bench, server: StompServer, monitor: MonitorServer
) -> None:
    bench.ready()
    receiving = {frame.connection for frame in server.of("SUBSCRIBE")}
    sending = {frame.connection for frame in server.of("STOMP")} - receiving
    Echo.gate.clear()
    bench.deliver(stf_gen())
    monitor.wait_for_beat(operational_state="PROCESSING")
    server.password = "another"
    server.drop(*sending)
    monitor.wait_for_beat(operational_state="PROCESSING", status="WARNING")
    Echo.gate.set()
    bench.agent.stop(timeout=0.1)
    bench.join()
    assert monitor.beats()[-1]["operational_state"] == "EXITED"
    assert server.of("ACK") + server.of("NACK") == []


def test_an_agent_waits_for_the_monitor_to_come(bench: Bench, monitor: MonitorServer) -> None:
    monitor.away = True
    bench.start()
    monitor.wait(lambda: len(monitor.requests) >= 2, "a second attempt")
    monitor.away = False
    monitor.wait_for_beat(operational_state="READY")


def test_an_agent_can_be_stopped_while_the_monitor_is_away(
    bench: Bench, monitor: MonitorServer
) -> None:
    monitor.away = True
    bench.start()
    monitor.wait(lambda: monitor.requests, "an attempt")
    bench.stop()
