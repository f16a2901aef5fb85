"""A session on fakes: what is built, started, stopped and refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from swf_common.configuration import Configuration
from swf_common.errors import BackendError, ConfigurationError, ExitCode
from testbed.commands.logs import demand_containers
from testbed.engine.endpoint import USUAL_SOCKET
from testbed.engine.reach import FilesOutOfReach, Probe, SocketOutOfReach
from testbed.monitor_client.client import Monitor
from testbed.monitor_client.errors import MonitorUnavailable
from testbed.project import STARTING, Project
from testbed.stack import session, starting
from testbed.stack.runs_in_progress import RunInProgress
from testbed.stack.session import MONITOR_PORT, MONITOR_SERVICE, Session
from testbed.testing import FakeCompose, FakeContainers
from tests.unit.samples import a_supervisor, compose_services
from tests.unit.testbed.testbed_files import Files

DATA = "example-data-agent"
PROCESSING = "example-processing-agent"
RUNNER = "workflow-runner"
BACKEND = ["activemq", "postgres", "migrate", "monitor"]
IMAGES = {"testbed/activemq:1", "testbed/monitor:1", "testbed/agent:1"}


class Bed(Session):
    """A session whose Compose and engine are fakes."""

    compose: FakeCompose
    containers: FakeContainers

    def __init__(self, root: Path, configuration: Configuration) -> None:
        super().__init__(Project(configuration.namespace, root), configuration)
        self.containers = FakeContainers()
        self.containers.images.add("postgres:17")
        self.containers.working_folders.add(str(root))
        self.use(compose_services())

    def use(self, services: dict[str, Any]) -> None:
        """Have other services in compose.yaml."""
        self.compose = FakeCompose(services, self.containers, self.project.name)

    def states(self) -> dict[str, str]:
        """The state of each program's container."""
        return {found.program: found.state for found in self.containers.all()}


@pytest.fixture
def bed(files: Files, monkeypatch: pytest.MonkeyPatch) -> Bed:
    monkeypatch.setenv("TESTBED_BASE_IMAGE", "base:1")
    monkeypatch.setenv("TESTBED_USER", "jane")
    files.more("[agents.data]\nenabled = true\n")
    return Bed(files.folder, files.resolve())


def test_a_start_brings_up_backend_and_enabled_agents_and_creates_the_others(bed: Bed) -> None:
    plan = bed.start()
    assert plan.programs == (DATA, RUNNER)
    assert bed.states() == {
        "activemq": "running",
        "postgres": "running",
        "migrate": "exited",
        "monitor": "running",
        RUNNER: "running",
        DATA: "running",
        PROCESSING: "created",
    }


def test_preparing_makes_what_a_start_needs_and_starts_nothing(bed: Bed) -> None:
    bed.prepare()
    assert bed.project.secrets.is_dir()
    assert (bed.project.root / ".env").is_file()
    assert bed.compose.calls == []


def test_a_plan_that_cannot_be_made_is_refused_before_anything_is_made(files: Files) -> None:
    files.more('[agents.data]\nenabled = true\nprogram = "example-data-agnet"\n')
    mistyped = Bed(files.folder, files.resolve())
    with pytest.raises(ConfigurationError, match="example-data-agnet"):
        mistyped.prepare()
    assert not mistyped.project.secrets.exists()


def test_a_file_that_compose_cannot_read_ends_the_preparation(bed: Bed) -> None:
    class Broken(FakeCompose):
        def config(self) -> Any:
            raise ConfigurationError(place="compose.yaml", problem="no such key")

    bed.compose = Broken({}, bed.containers)
    with pytest.raises(ConfigurationError, match="no such key"):
        bed.prepare()
    assert not bed.project.secrets.exists()


def test_only_missing_images_are_built(bed: Bed) -> None:
    bed.containers.images |= IMAGES - {"testbed/agent:1"}
    assert bed.build() == ["testbed/agent:1"]
    assert bed.compose.calls == [("build", (RUNNER,))]


def test_every_image_is_built_when_that_is_asked_for(bed: Bed) -> None:
    bed.containers.images |= IMAGES
    assert set(bed.build(all_images=True)) == IMAGES


def test_nothing_is_built_when_every_image_exists(bed: Bed) -> None:
    bed.containers.images |= IMAGES
    assert bed.build() == []
    assert bed.compose.calls == []


def test_a_second_start_keeps_every_container(bed: Bed) -> None:
    bed.start()
    before = {found.container_id for found in bed.containers.all()}
    bed.start()
    assert {found.container_id for found in bed.containers.all()} == before
    assert [verb for verb, _ in bed.compose.calls].count("build") == 1


def test_an_agent_that_has_died_is_started_again(bed: Bed) -> None:
    bed.start()
    (agent,) = [found for found in bed.containers.all() if found.program == DATA]
    bed.containers.exit(agent.container_id, 1)
    bed.start()
    assert bed.states()[DATA] == "running"


@pytest.mark.parametrize("state", ["running", "restarting"])
def test_an_agent_at_work_that_is_not_enabled_is_stopped(bed: Bed, state: str) -> None:
    bed.containers.add(PROCESSING, image="testbed/agent:1", state=state)
    bed.start()
    assert bed.states()[PROCESSING] == "exited"


def test_a_paused_agent_that_is_not_enabled_stays_as_it_is(bed: Bed) -> None:
    bed.containers.add(PROCESSING, image="testbed/agent:0", state="paused")
    bed.start()
    assert bed.states()[PROCESSING] == "paused"


def test_a_running_supervisor_that_is_switched_off_is_stopped(files: Files, bed: Bed) -> None:
    files.more("[supervisor]\nenabled = false\n")
    bed = Bed(files.folder, files.resolve())
    bed.compose = FakeCompose({**compose_services(), "supervisor": a_supervisor()}, bed.containers)
    bed.containers.add("supervisor", image="testbed/supervisor:1")
    assert "supervisor" not in bed.start().backend
    assert bed.states()["supervisor"] == "exited"


def test_the_monitor_is_told_whether_there_is_a_supervisor(bed: Bed, files: Files) -> None:
    assert bed.environment["TESTBED_SUPERVISOR"] == "true"
    files.more("[supervisor]\nenabled = false\n")
    assert Bed(files.folder, files.resolve()).environment["TESTBED_SUPERVISOR"] == "false"


def test_a_new_image_takes_the_place_of_the_old_container(bed: Bed) -> None:
    bed.start()
    (old,) = [found for found in bed.containers.all() if found.program == DATA]
    bed.containers.change(old.container_id, image="testbed/agent:0")
    bed.start()
    (new,) = [found for found in bed.containers.all() if found.program == DATA]
    assert (new.image, new.container_id == old.container_id) == ("testbed/agent:1", False)


def test_a_created_or_stopped_agent_that_is_not_enabled_gets_the_new_image(bed: Bed) -> None:
    bed.start()
    (old,) = [found for found in bed.containers.all() if found.program == PROCESSING]
    bed.start()
    assert old in bed.containers.all(), "nothing has changed"
    for state in ("created", "exited"):
        (old,) = [found for found in bed.containers.all() if found.program == PROCESSING]
        bed.containers.change(old.container_id, state=state, image="testbed/agent:0")
        bed.start()
        (new,) = [found for found in bed.containers.all() if found.program == PROCESSING]
        assert (new.image, new.state) == ("testbed/agent:1", "created")
        assert new.container_id != old.container_id


def test_a_paused_agent_is_left_to_the_gate(bed: Bed) -> None:
    bed.start()
    (agent,) = [found for found in bed.containers.all() if found.program == DATA]
    bed.containers.change(agent.container_id, state="paused")
    bed.start()
    assert bed.states()[DATA] == "paused"


def test_a_container_of_a_service_that_is_no_more_is_left_alone(bed: Bed) -> None:
    bed.containers.add("an-agent-of-yesterday", image="testbed/agent:0")
    bed.start()
    assert bed.states()["an-agent-of-yesterday"] == "running"


def test_a_project_of_another_checkout_is_not_touched(bed: Bed) -> None:
    bed.containers.add(DATA)
    bed.containers.working_folders = {"elsewhere/testbed"}
    with pytest.raises(ConfigurationError, match="elsewhere/testbed") as caught:
        bed.prepare()
    assert "--namespace" in caught.value.hint
    assert bed.compose.calls == []
    assert not bed.project.secrets.exists()


def test_a_backend_that_does_not_come_up_tells_who_failed_and_why(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "RECOVERY_TIMEOUT_S", 0.0)
    broken = bed.containers.add("migrate", state="exited", exit_code=1)
    bed.containers.tell(broken.container_id, "migrating", "relation is missing")
    ill = bed.containers.add("activemq", health="unhealthy")
    bed.containers.tell(ill.container_id, "no space", last_probe="port 61613: refused")
    bed.compose.failing["up"] = 'Creating\nservice "migrate" did not complete successfully'
    with pytest.raises(BackendError) as caught:
        bed.start()
    assert caught.value.exit_code == ExitCode.BACKEND
    lines = str(caught.value).splitlines()
    assert lines[0] == (
        'The backend did not come up: service "migrate" did not complete successfully'
    )
    assert "migrate (exited, exit code 1):" in lines
    assert "  relation is missing" in lines
    assert "  health probe: port 61613: refused" in lines
    assert not any("monitor (" in line for line in lines)


def test_initialising_makes_secrets_and_the_env_file(bed: Bed) -> None:
    assert "mq_agent" in bed.initialise()
    assert bed.initialise() == []
    env = (bed.project.root / ".env").read_text()
    assert "TESTBED_NAMESPACE=torre1\n" in env
    assert "TESTBED_BASE_IMAGE=base:1\n" in env
    assert "TESTBED_USER=jane\n" in env
    assert "TESTBED_ENGINE_SOCKET=" in env
    assert "TESTBED_ENGINE_GROUP=" in env


def test_a_namespace_of_the_command_line_leaves_the_env_file(files: Files, bed: Bed) -> None:
    bed.initialise()
    Bed(files.folder, files.resolve(namespace="torre2")).initialise()
    assert "TESTBED_NAMESPACE=torre1\n" in (files.folder / ".env").read_text()
    assert (files.folder / ".testbed" / "torre2" / "secrets").is_dir()


def test_the_monitor_is_found_at_its_published_port(bed: Bed) -> None:
    bed.containers.ports[MONITOR_SERVICE, MONITOR_PORT] = ("127.0.0.1", 49153)
    assert bed.monitor_url() is None
    bed.start()
    assert bed.monitor_url() == "http://127.0.0.1:49153"


def test_a_monitor_that_does_not_run_is_away(bed: Bed) -> None:
    with pytest.raises(MonitorUnavailable, match="testbed-torre1") as caught:
        bed.monitor()
    assert caught.value.exit_code == ExitCode.BACKEND
    assert "testbed up" in caught.value.hint


def test_logs_of_a_testbed_that_is_down_say_how_to_start_it(bed: Bed) -> None:
    with pytest.raises(MonitorUnavailable, match=r"testbed-torre1 .*no container$") as caught:
        demand_containers(bed, ())
    assert "testbed up" in caught.value.hint
    bed.containers.add(DATA, state="exited")
    demand_containers(bed, ())
    demand_containers(bed, (RUNNER, DATA))
    with pytest.raises(MonitorUnavailable, match=f"no container of {RUNNER}"):
        demand_containers(bed, (RUNNER,))


def test_a_monitor_that_has_exited_is_not_waited_for(bed: Bed) -> None:
    bed.containers.exit(bed.containers.add(MONITOR_SERVICE).container_id, 1)
    with pytest.raises(BackendError, match="The monitor is not ready"):
        bed.wait_for_monitor(sleep=lambda _: pytest.fail("it was waited for"))


def test_the_backend_is_waited_for_until_it_is_healthy(bed: Bed) -> None:
    broker = bed.containers.add("activemq", health="starting")
    for name in ("postgres", "monitor"):
        bed.containers.add(name, health="healthy")
    waits = []

    def recover(seconds: float) -> None:
        waits.append(seconds)
        bed.containers.change(broker.container_id, health="healthy")

    bed.wait_for_backend(sleep=recover)
    assert len(waits) == 1


def test_a_backend_that_does_not_get_healthy_is_told(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "BACKEND_TIMEOUT_S", 0.0)
    bed.containers.add("activemq", health="starting")
    bed.containers.add("migrate", state="exited", health=None)
    bed.containers.add("postgres", health="healthy")
    said = "monitor has no container; activemq is running, starting"
    with pytest.raises(BackendError, match=said):
        bed.wait_for_backend(sleep=lambda _: None)


def test_a_dead_backend_is_started_before_compose_looks_at_what_depends_on_it(bed: Bed) -> None:
    bed.start()
    (broker,) = [found for found in bed.containers.all() if found.program == "activemq"]
    bed.containers.exit(broker.container_id, 137)
    bed.start()
    assert bed.containers.started[0] == broker.container_id
    assert bed.states()["activemq"] == "running"


def test_a_backend_that_becomes_healthy_again_is_waited_for_and_tried_again(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    bed.start()
    (monitor,) = [found for found in bed.containers.all() if found.program == MONITOR_SERVICE]
    (agent,) = [found for found in bed.containers.all() if found.program == DATA]
    bed.containers.exit(agent.container_id)
    bed.containers.change(monitor.container_id, health="unhealthy")

    def recover(_seconds: float) -> None:
        bed.containers.change(monitor.container_id, health="healthy")

    monkeypatch.setattr("time.sleep", recover)
    bed.start()
    assert bed.states()[DATA] == "running"


def test_a_backend_that_stays_unhealthy_ends_the_start(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "RECOVERY_TIMEOUT_S", 0.0)
    bed.start()
    (monitor,) = [found for found in bed.containers.all() if found.program == MONITOR_SERVICE]
    bed.containers.exit(monitor.container_id, 1)
    bed.containers.change(monitor.container_id, state="running", health="unhealthy")
    (agent,) = [found for found in bed.containers.all() if found.program == DATA]
    bed.containers.exit(agent.container_id)
    with pytest.raises(BackendError, match="container monitor is unhealthy"):
        bed.start()


class Following(Bed):
    """A session whose testbed has a run in progress."""

    def runs_in_progress(self, timeout_s: float | None = None) -> list[str]:
        return ["w-jane-0001"]


def test_a_start_that_would_stop_agents_of_a_run_is_refused(files: Files, bed: Bed) -> None:
    bed.start()
    bed.containers.add(PROCESSING, image="testbed/agent:1")
    again = Following(files.folder, files.resolve())
    again.compose, again.containers = bed.compose, bed.containers
    calls = len(bed.compose.calls)
    with pytest.raises(RunInProgress) as caught:
        again.prepare()
    assert str(caught.value) == f"w-jane-0001 is in progress, and this would stop {PROCESSING}."
    assert "--force" in caught.value.hint
    assert len(bed.compose.calls) == calls
    again.prepare(force=True)


def test_a_start_that_would_replace_a_container_of_a_run_is_refused(files: Files, bed: Bed) -> None:
    bed.start()
    (runner,) = [found for found in bed.containers.all() if found.program == RUNNER]
    bed.containers.change(runner.container_id, config_hash="of an earlier version")
    again = Following(files.folder, files.resolve())
    again.compose, again.containers = bed.compose, bed.containers
    with pytest.raises(RunInProgress, match=f"this would replace {RUNNER}"):
        again.prepare()


def test_a_start_that_changes_nothing_is_let_through_beside_a_run(files: Files, bed: Bed) -> None:
    bed.start()
    again = Following(files.folder, files.resolve())
    again.compose, again.containers = bed.compose, bed.containers
    again.prepare()


def test_a_run_that_a_command_follows_is_in_progress_until_that_command_ends(bed: Bed) -> None:
    assert bed.runs_in_progress() == []
    with bed.project.following() as name:
        assert bed.runs_in_progress() == [STARTING]
        name("w-jane-0001")
        assert bed.runs_in_progress() == ["w-jane-0001"]
    assert bed.runs_in_progress() == []


def test_the_mark_of_a_command_that_was_killed_does_not_count(bed: Bed) -> None:
    with bed.project.following() as name:
        name("w-jane-0001")
        (mark,) = bed.project.runs.glob("*.running")
        kept = mark.read_bytes()
    mark.write_bytes(kept)
    assert bed.runs_in_progress() == []


AN_IMAGE = "testbed/supervisor:1"
FAR = "tcp://127.0.0.1:1"


@pytest.fixture
def far(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> Bed:
    """A session whose engine is on another host, with an image to look around with there."""
    monkeypatch.setenv("DOCKER_HOST", FAR)
    monkeypatch.delenv("TESTBED_ENGINE_GROUP", raising=False)
    bed.containers.images.add(AN_IMAGE)
    bed.probe = lambda: Probe(bed.containers, [AN_IMAGE])  # type: ignore[method-assign]
    bed.containers.mounted[USUAL_SOCKET] = (0, "0\n")
    return bed


def test_an_engine_that_cannot_read_the_secrets_is_refused_before_anything_starts(
    far: Bed,
) -> None:
    far.containers.refused[str(far.project.folder)] = "bind source path does not exist"
    with pytest.raises(FilesOutOfReach, match=f"{FAR}.*cannot read .*source path") as caught:
        far.start()
    assert "docker context use" in caught.value.hint
    assert [verb for verb, _ in far.compose.calls] == ["build"]


def test_a_far_engine_that_has_the_same_files_is_used(far: Bed) -> None:
    far.start()
    assert far.states()[DATA] == "running"
    assert list(far.project.folder.glob("probe-*")) == []


def test_the_group_of_a_socket_out_of_sight_is_found_out_and_written_down(far: Bed) -> None:
    far.containers.mounted[USUAL_SOCKET] = (1, "991\n")
    far.containers.groups[USUAL_SOCKET] = "991"
    far.initialise()
    assert far.environment["TESTBED_ENGINE_GROUP"] == "0"
    far.start()
    assert far.environment["TESTBED_ENGINE_GROUP"] == "991"
    assert "TESTBED_ENGINE_GROUP=991\n" in (far.project.root / ".env").read_text()


def test_a_socket_out_of_sight_that_no_group_opens_is_refused_with_what_it_is_for(far: Bed) -> None:
    far.containers.refused[USUAL_SOCKET] = "bind source path does not exist"
    with pytest.raises(SocketOutOfReach, match=r"on another host.*source path") as caught:
        far.start()
    assert "[supervisor] enabled = false" in caught.value.hint


def test_without_a_supervisor_no_socket_is_looked_at(far: Bed, files: Files) -> None:
    files.more("[supervisor]\nenabled = false\n")
    far.configuration = files.resolve()
    far.containers.refused[USUAL_SOCKET] = "bind source path does not exist"
    far.start()
    assert far.states()[DATA] == "running"


def test_a_near_engine_on_a_local_disk_is_not_asked(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent.sock")
    monkeypatch.setattr("testbed.engine.reach.file_system", lambda _: "ext4")
    bed.containers.refused["/"] = "it was asked"
    bed.start()


class Silent(Bed):
    """A session whose monitor runs and does not answer."""

    def monitor(self) -> Monitor:
        raise MonitorUnavailable(cause="ReadTimeout")


def test_while_the_monitor_does_not_answer_only_a_start_that_disturbs_nobody_is_let_through(
    files: Files, bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "ANSWER_TIMEOUT_S", 0.0)
    bed.start()
    silent = Silent(files.folder, files.resolve())
    silent.compose, silent.containers = bed.compose, bed.containers
    silent.prepare()
    bed.containers.add(PROCESSING, image="testbed/agent:1")
    with pytest.raises(RunInProgress, match=f"may be in progress .* this would stop {PROCESSING}"):
        silent.prepare()
    silent.prepare(force=True)


def test_an_image_that_a_user_names_in_the_env_file_stays(files: Files, bed: Bed) -> None:
    folder = files.folder / "images" / "postgres"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM base\n")
    bed.initialise()
    env = files.folder / ".env"
    ours = bed.environment["TESTBED_POSTGRES_IMAGE"]
    assert f"TESTBED_POSTGRES_IMAGE={ours}\n" in env.read_text()
    env.write_text(env.read_text().replace(ours, "postgres:17"))
    again = Bed(files.folder, files.resolve())
    assert again.environment["TESTBED_POSTGRES_IMAGE"] == "postgres:17"
    again.initialise()
    assert "TESTBED_POSTGRES_IMAGE=postgres:17\n" in env.read_text()


def test_an_agent_that_is_named_by_its_key_is_found_under_its_program(bed: Bed) -> None:
    with pytest.raises(ConfigurationError, match='did you mean "example-data-agent"'):
        bed.demand_service("data", "agent")
