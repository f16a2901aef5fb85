"""What holds for every snapshot that the gate may be shown."""

from __future__ import annotations

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from swf_common.protocol.states import AgentStatus, OperationalState
from testbed.engine.inspection import Container
from testbed.gate.decision import Expected, Outcome, decide
from testbed.monitor_client.snapshot import AgentRow, Snapshot
from tests.unit.samples import NAMESPACE, moment

IDS = [f"{number:x}" * 64 for number in range(1, 5)]
FOREIGN_IDS = [f"{number:x}" * 64 for number in range(8, 12)]
PROGRAMS = ["data", "processing", "runner"]
SECONDS = st.integers(-120, 120)
MOMENTS = SECONDS.map(moment)
STATES = ["created", "running", "paused", "restarting", "exited", "dead", "removing", "new-state"]
EXPECTED = st.lists(
    st.builds(
        Expected,
        program=st.sampled_from(PROGRAMS),
        replicas=st.integers(1, 3),
        required=st.booleans(),
    ),
    unique_by=lambda wanted: wanted.program,
    max_size=3,
)
CONTAINERS = st.lists(
    st.builds(
        Container,
        program=st.sampled_from(PROGRAMS),
        container_id=st.sampled_from(IDS),
        state=st.sampled_from(["running", "running", *STATES]),
        health=st.sampled_from(["healthy", "healthy", "unhealthy", "starting", None]),
        started_at=st.none() | MOMENTS,
        restart_count=st.integers(0, 6),
        exit_code=st.integers(0, 255),
    ),
    unique_by=lambda container: container.container_id,
    max_size=4,
)


def rows(ids: list[str], namespaces: list[str | None]) -> st.SearchStrategy[list[AgentRow]]:
    return st.lists(
        st.builds(
            AgentRow,
            instance_name=st.sampled_from(["a", "b", "c"]),
            namespace=st.sampled_from(namespaces),
            container_id=st.none() | st.sampled_from([*ids, *(text[:12] for text in ids)]),
            operational_state=st.sampled_from([*OperationalState, "READY", "unheard of"]),
            status=st.sampled_from([*AgentStatus, "OK", "unheard of"]),
            received_at=st.none() | MOMENTS,
            heartbeat_interval=st.none() | st.floats(-10, 100),
            description=st.sampled_from(["", "no broker"]),
        ),
        max_size=8,
    )


ROWS = rows(IDS, [NAMESPACE, NAMESPACE, "torre2", None])
SNAPSHOTS = st.none() | st.builds(Snapshot, now=MOMENTS, agents=ROWS)


def proves(row: AgentRow, container: Container, snapshot: Snapshot) -> bool:
    """Whether a row proves that the agent of a container is ready."""
    return (
        row.namespace == NAMESPACE
        and row.container_id is not None
        and container.container_id.startswith(row.container_id)
        and container.started_at is not None
        and row.received_at is not None
        and row.received_at >= container.started_at
        and (snapshot.now - row.received_at).total_seconds() <= 3 * (row.heartbeat_interval or 60)
        and row.operational_state in ("READY", "PROCESSING")
        and row.status == "OK"
    )


@given(EXPECTED, CONTAINERS, SNAPSHOTS)
def test_ready_is_never_said_without_proof(
    expected: list[Expected], containers: list[Container], snapshot: Snapshot | None
) -> None:
    for verdict in decide(NAMESPACE, expected, containers, snapshot).agents:
        if verdict.outcome != Outcome.READY:
            continue
        container = verdict.container
        assert container is not None
        assert snapshot is not None
        assert container.state == "running"
        assert container.health != "unhealthy"
        assert any(proves(row, container, snapshot) for row in snapshot.agents)


@given(EXPECTED, st.data())
def test_when_all_proofs_are_there_the_gate_opens(
    expected: list[Expected], data: st.DataObject
) -> None:
    containers, agents = [], []
    programs = [wanted.program for wanted in expected for _ in range(wanted.replicas)]
    for number, program in enumerate(programs):
        container_id = f"{number:064x}"
        started = moment(data.draw(SECONDS))
        containers.append(Container(program, container_id, "running", "healthy", started))
        agents.append(
            AgentRow(
                instance_name=f"agent-{number}",
                namespace=NAMESPACE,
                container_id=container_id,
                operational_state=data.draw(st.sampled_from(["READY", "PROCESSING"])),
                status="OK",
                received_at=moment(data.draw(st.integers(120, 240))),
                heartbeat_interval=data.draw(st.none() | st.integers(40, 200)),
            )
        )
    verdict = decide(NAMESPACE, expected, containers, Snapshot(moment(240), agents))
    assert verdict.ready


@given(
    EXPECTED,
    CONTAINERS,
    MOMENTS,
    ROWS,
    rows(FOREIGN_IDS, [NAMESPACE]) | rows(IDS, ["torre2", None]),
)
def test_rows_of_others_never_change_the_verdict(
    expected: list[Expected],
    containers: list[Container],
    now: datetime,
    own: list[AgentRow],
    foreign: list[AgentRow],
) -> None:
    alone = decide(NAMESPACE, expected, containers, Snapshot(now, own))
    crowd = decide(
        NAMESPACE,
        expected,
        containers,
        Snapshot(now, [*foreign, *own, *foreign]),
    )
    assert crowd == alone


@given(EXPECTED, CONTAINERS, SNAPSHOTS)
def test_the_gate_always_has_one_outcome_with_its_reason_for_each_wanted_container(
    expected: list[Expected], containers: list[Container], snapshot: Snapshot | None
) -> None:
    verdict = decide(NAMESPACE, expected, containers, snapshot)
    assert [agent.program for agent in verdict.agents] == [
        wanted.program for wanted in expected for _ in range(wanted.replicas)
    ]
    for agent in verdict.agents:
        assert bool(agent.reason) == (agent.outcome != Outcome.READY)
    assert verdict.ready == (not verdict.missing)
    assert set(verdict.failed) <= set(verdict.missing)


@given(EXPECTED, CONTAINERS, SNAPSHOTS)
def test_the_order_of_containers_does_not_matter(
    expected: list[Expected], containers: list[Container], snapshot: Snapshot | None
) -> None:
    assert decide(NAMESPACE, expected, containers[::-1], snapshot) == decide(
        NAMESPACE, expected, containers, snapshot
    )
