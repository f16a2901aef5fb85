"""From a configuration and compose.yaml's services to what has to run."""

from __future__ import annotations

from typing import Any

import pytest

from swf_common.configuration import Configuration
from swf_common.errors import ConfigurationError
from testbed.engine.services import distinct_builds, read_services
from testbed.gate.decision import Expected
from testbed.gate.plan import Plan, make_plan
from tests.unit.samples import a_supervisor, compose_services
from tests.unit.testbed.testbed_files import Files

SERVICES = read_services({"services": compose_services()})


def plan(files: Files, text: str) -> Plan:
    return make_plan(configuration(files, text), SERVICES)


def configuration(files: Files, text: str) -> Configuration:
    files.more(text)
    return files.resolve()


def test_the_enabled_agents_and_the_runner_are_expected(files: Files) -> None:
    made = plan(files, '[agents.data]\nenabled = true\nprogram = "example-data-agent"\n')
    assert made.expected == (Expected("example-data-agent"), Expected("workflow-runner"))
    assert made.others == ("example-processing-agent",)


@pytest.mark.parametrize(
    ("text", "left_out"),
    [("", ()), ("[supervisor]\n", ()), ("[supervisor]\nenabled = false\n", ("supervisor",))],
)
def test_a_backend_service_runs_unless_its_section_switches_it_off(
    files: Files, text: str, left_out: tuple[str, ...]
) -> None:
    services = read_services({"services": {**compose_services(), "supervisor": a_supervisor()}})
    made = make_plan(configuration(files, text), services)
    assert made.switched_off == left_out
    assert ("supervisor" in made.services) == (not left_out)


def test_an_agent_without_a_program_is_found_by_its_label(files: Files) -> None:
    made = plan(files, "[agents.processing]\nenabled = true\n")
    assert made.programs == ("example-processing-agent", "workflow-runner")


def test_without_agents_nothing_but_the_backend_runs(files: Files) -> None:
    made = plan(files, "")
    assert made.expected == ()
    assert made.services == made.backend == ("activemq", "postgres", "migrate", "monitor")
    assert "workflow-runner" in made.others


def test_what_a_section_says_of_an_agent_stands_in_the_plan(files: Files) -> None:
    made = plan(
        files, "[agents.data]\nenabled = true\nreplicas = 3\nrequired = false\nready_timeout = 7\n"
    )
    assert Expected("example-data-agent", replicas=3, required=False) in made.expected
    assert made.scales["example-data-agent"] == 3
    assert made.ready_timeout == {"example-data-agent": 7, "workflow-runner": 90}


def test_the_runner_obeys_its_own_section(files: Files) -> None:
    made = plan(files, "[agents.data]\nenabled = true\n[agents.workflow-runner]\nready_timeout=5\n")
    assert made.ready_timeout["workflow-runner"] == 5


def test_the_run_accounts_for_what_the_selected_agents_do(files: Files) -> None:
    one = plan(files, "[agents.data]\nenabled = true\n")
    assert one.stages == ("stf.registered", "stf.generated")
    both = plan(files, "[agents.processing]\nenabled = true\n")
    assert set(both.stages) == {"stf.generated", "stf.registered", "stf.processed"}


def test_the_configuration_that_travels_says_program_and_stages_of_who_takes_part(
    files: Files,
) -> None:
    text = (
        '[agents.mine]\nenabled = true\nprogram = "example-data-agent"\nrequired = false\n'
        "[agents.processing]\nenabled = false\n"
    )
    found = configuration(files, text)
    agents = make_plan(found, SERVICES).resolved(found)["agents"]
    told = {key: (one["program"], one.get("stages")) for key, one in agents.items()}
    assert told == {
        "mine": ("example-data-agent", ["stf.registered"]),
        "processing": (None, None),
        "workflow-runner": ("workflow-runner", ["stf.generated"]),
    }
    assert agents["workflow-runner"]["enabled"]
    assert not agents["mine"]["required"]


@pytest.mark.parametrize("stage", ["calibrated", "stf.Calibrated", "tfs.checked", "stf."])
def test_a_stage_that_nothing_counts_is_refused(files: Files, stage: str) -> None:
    services = compose_services()
    services["example-data-agent"]["labels"]["org.epic.testbed.stages"] = stage
    found = configuration(files, "[agents.data]\nenabled = true\n")
    with pytest.raises(ConfigurationError, match=f"label org.epic.testbed.stages with {stage}"):
        make_plan(found, read_services({"services": services}))


def test_a_run_does_not_account_for_what_an_optional_agent_does(files: Files) -> None:
    made = plan(files, "[agents.processing]\nenabled = true\nrequired = false\n")
    assert made.stages == ("stf.generated",)
    assert made.required == ("workflow-runner",)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            '[agents.data]\nenabled = true\nprogram = "example-data-agnet"\n',
            ("[agents.data]", '"example-data-agnet"', 'did you mean "example-data-agent"?'),
        ),
        (
            '[agents.data]\nenabled = true\nprogram = "postgres"\n',
            ("[agents.data]", '"postgres"', "no agent service of that name"),
        ),
        (
            "[agents.dta]\nenabled = true\n",
            ("[agents.dta]", "org.epic.testbed.agent=dta", 'did you mean "data"?'),
        ),
        (
            "[agents.data]\nenabled = true\n"
            '[agents.second]\nenabled = true\nprogram = "example-data-agent"\n',
            ("[agents.second]", "another section", "replicas"),
        ),
        (
            "[agents.data]\nenabled = true\n[agents.workflow-runner]\nreplicas = 2\n",
            ("[agents.workflow-runner] replicas = 2", "one workflow-runner"),
        ),
    ],
)
def test_a_program_that_cannot_run_is_refused_with_file_place_and_nearest_name(
    files: Files, text: str, parts: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        plan(files, text)
    message = f"{caught.value} {caught.value.hint}"
    assert [part for part in ("testbed.toml", *parts) if part not in message] == [], message


def test_a_mistyped_key_of_an_agent_is_refused_also_where_nothing_is_enabled(
    files: Files,
) -> None:
    mistyped = files.resolve("agents.procesing.replicas=2")
    with pytest.raises(ConfigurationError, match='did you mean "processing"') as caught:
        make_plan(mistyped, SERVICES)
    assert str(caught.value).startswith("--set: [agents.procesing]")


def test_an_old_file_may_have_an_agent_that_is_not_here_while_it_is_disabled(files: Files) -> None:
    assert plan(files, '[agents.stf-data]\nscript = "agents/data_agent.py"\n').expected == ()


def test_a_disabled_agent_may_name_a_program_that_does_not_exist(files: Files) -> None:
    assert plan(files, '[agents.later]\nprogram = "to-be-written"\n').expected == ()


def test_services_are_read_with_their_labels() -> None:
    data = SERVICES["example-data-agent"]
    assert (data.role, data.agent, data.stages) == ("agent", "data", ("stf.registered",))
    assert data.depends_on == ("migrate", "activemq", "monitor")
    assert SERVICES["workflow-runner"].always
    assert not data.always


def test_a_service_that_others_wait_to_complete_runs_once() -> None:
    assert [name for name, service in SERVICES.items() if service.one_shot] == ["migrate"]


def test_a_service_without_labels_has_no_role() -> None:
    bare: dict[str, Any] = {"services": {"helper": {"image": "helper"}}}
    service = read_services(bare)["helper"]
    assert (service.role, service.agent, service.stages) == ("", None, ())


def test_an_image_that_services_share_is_built_once() -> None:
    assert [service.image for service in distinct_builds(SERVICES)] == [
        "testbed/activemq:1",
        "testbed/monitor:1",
        "testbed/agent:1",
    ]


def test_labels_may_come_as_a_list() -> None:
    services = {"mine": {"image": "i", "labels": ["org.epic.testbed.role=agent", "bare"]}}
    assert read_services({"services": services})["mine"].role == "agent"
