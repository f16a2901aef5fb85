"""Docs that list commands, keys, messages or endpoints are held against the code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from swf_common.configuration.model import (
    AgentSection,
    ExpectSection,
    Section,
    SupervisorSection,
    TestbedSection,
    WorkflowSection,
)
from swf_common.configuration.modules import find_workflow, workflow_names
from swf_common.configuration.parameters import Parameter
from swf_common.errors import ExitCode
from swf_common.protocol.heartbeat import Heartbeat
from swf_common.protocol.message import Message
from swf_common.protocol.messages import CATALOGUE
from testbed.commands.main import cli
from testbed.commands.mcp import TOKEN_VARIABLE, URL_VARIABLE, client_configuration

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def rows(page: str, heading: str) -> list[str]:
    """The first cells of the table below a heading, without their backquotes."""
    text = (DOCS / page).read_text()
    section = f"\n{text}".split(f"\n{heading}\n", 1)[1].split("\n#", 1)[0]
    cells = [line.split("|")[1].strip() for line in section.splitlines() if line.startswith("|")]
    return [cell.replace("`", "") for cell in cells[2:]]


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        ("## `[testbed]`", TestbedSection),
        ("## `[workflow]`", WorkflowSection),
        ("## `[agents.<key>]`", AgentSection),
        ("## `[supervisor]`", SupervisorSection),
        ("## `[expect]`", ExpectSection),
    ],
)
def test_the_configuration_page_lists_every_key(heading: str, model: type[Section]) -> None:
    assert rows("configuration.md", heading) == list(model.model_fields)


def _row(one: Parameter) -> str:
    cells = (f"`{one.name}`", f"`{one.default_text}`", one.unit, one.range, one.about)
    return f"| {' | '.join(cell or '-' for cell in cells)} |"


@pytest.mark.parametrize("name", workflow_names(ROOT / "workflows"))
def test_the_configuration_page_lists_every_parameter_as_its_model_has_it(name: str) -> None:
    text = (DOCS / "configuration.md").read_text()
    model = find_workflow(ROOT / "workflows", name, "the test").parameters
    missing = [_row(one) for one in model.describe().values() if _row(one) not in text]
    assert missing == []


def test_the_command_page_lists_every_command_with_its_options() -> None:
    text = (DOCS / "command.md").read_text()
    listed = {row.split()[1]: row for row in rows("command.md", "# The command")}
    assert set(listed) == set(cli.commands)
    for name, command in cli.commands.items():
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("--") and option not in ("--help", "--verbose", "--follow"):
                    assert option in listed[name] or f"`{option} " in text, f"{name} {option}"


def test_the_command_page_lists_every_exit_code() -> None:
    codes = [int(row) for row in rows("command.md", "## Exit codes")]
    assert codes == [int(code) for code in ExitCode]


def test_the_messages_page_lists_every_message_with_its_fields() -> None:
    text = (DOCS / "messages.md").read_text()
    for msg_type, model in CATALOGUE.items():
        (row,) = [line for line in text.splitlines() if line.startswith(f"| `{msg_type}` ")]
        wanted = set(model.model_fields) - set(Message.model_fields)
        if msg_type == "stf_ready":
            wanted -= set(CATALOGUE["stf_gen"].model_fields)
        assert wanted <= set(re.findall(r"`(\w+)`", row)), msg_type


def test_the_messages_page_lists_every_field_of_the_heartbeat() -> None:
    section = (DOCS / "messages.md").read_text().split("## Heartbeat", 1)[1]
    named = set(re.findall(r"`(\w+)`", section))
    assert set(Heartbeat.model_fields) <= named


def test_the_rest_page_lists_every_path() -> None:
    text = (DOCS / "rest.md").read_text()
    urls = (ROOT / "monitor" / "urls.py").read_text().split("\nurlpatterns = ")[0]
    registered = re.findall(r'router\.register\("([\w-]+)"', urls)
    paths = re.findall(r'path\("([\w/-]+/)"', urls)
    paths += [
        path
        for module in (ROOT / "monitor" / "live").glob("*.py")
        for path in re.findall(r'^PATH = "/api/([\w/-]+/)"', module.read_text(), re.MULTILINE)
    ]
    for path in [f"{name}/" for name in registered] + paths:
        assert f"`{path}`" in text, path


def test_the_page_about_pages_lists_every_page() -> None:
    text = (ROOT / "monitor" / "pages" / "urls.py").read_text()
    fixed = {f"/{path}" for path in re.findall(r'\bpath\("([\w/-]*)"', text)}
    lists = {
        f"/{name}/"
        for module in (ROOT / "monitor" / "pages" / "lists").glob("*.py")
        for name in re.findall(r'^    name="([\w-]+)"', module.read_text(), re.MULTILINE)
    }
    forms = {path for path in fixed if path.startswith("/account")} - {"/account/"}
    assert set(rows("pages.md", "# The pages")) == (fixed | lists) - forms


def test_every_link_between_documents_leads_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_readme_has_exactly_two_set_up_and_go_commands() -> None:
    table = (ROOT / "README.md").read_text().split("## Two commands", 1)[1].split("\n#", 1)[0]
    commands = re.findall(r"^\| `(make \w+)` \|", table, re.MULTILINE)
    assert commands == ["make run", "make test"]


def test_the_mcp_page_lists_every_tool_with_the_role_that_it_takes() -> None:
    found = {
        name: "operator" if kind == "ACTING" else "any"
        for module in (ROOT / "monitor" / "mcp").glob("*.py")
        for kind, names in re.findall(
            r"^(READING|ACTING) = \((.*?)\)$", module.read_text(), re.MULTILINE | re.DOTALL
        )
        for name in re.findall(r"\w+", names)
    }
    lines = (DOCS / "mcp.md").read_text().split("\n## Tools\n", 1)[1].splitlines()
    listed = [line.split("|")[1:3] for line in lines if line.startswith("| `")]
    assert {name.strip(" `"): role.strip() for name, role in listed} == found


def test_the_repositorys_client_configuration_is_what_the_command_prints() -> None:
    content = json.loads((ROOT / ".mcp.json").read_text())
    address = f"${{{URL_VARIABLE}:-http://127.0.0.1:8000/mcp/}}"
    assert content == client_configuration(address, f"${{{TOKEN_VARIABLE}}}")
