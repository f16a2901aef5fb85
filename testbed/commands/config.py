"""`testbed config`"""

from __future__ import annotations

import json
from typing import Any

import click

from testbed.commands.options import load_configuration, set_option, testbed_options


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, without origins.")
@click.option("--parameters", is_flag=True, help="What each parameter of the workflow means.")
@set_option
@testbed_options
def config(
    name: str | None,
    as_json: bool,
    parameters: bool,
    overrides: tuple[str, ...],
    config_file: str,
    namespace: str | None,
    verbose: bool,  # noqa: ARG001 - every command takes it
) -> None:
    """Show each resolved value, and where it comes from.

    Agents are checked against compose.yaml; no engine is needed.
    """
    from testbed.engine.declared_services import declared_services
    from testbed.gate.plan import make_plan
    from testbed.output import console
    from testbed.project import Project

    configuration = load_configuration(
        config_file, name=name, overrides=overrides, namespace=namespace
    )
    services = declared_services(Project(configuration.namespace))
    if services is None:
        console.note("No docker compose here: the agents are not checked against compose.yaml.")
    else:
        make_plan(configuration, services)
    if parameters:
        values = configuration.parameters.model_dump()
        described = [
            [
                one.path,
                "-" if one.kind == "list" else json.dumps(values[one.name]),
                one.default_text,
                one.unit,
                one.range,
                one.about,
            ]
            for one in configuration.parameters.describe().values()
        ]
        header = ["KEY", "VALUE", "DEFAULT", "UNIT", "RANGE", "MEANING"]
        console.result(console.table(header, described))
        return
    resolved = configuration.resolved()
    del resolved["origins"]
    if as_json:
        console.result(json.dumps(resolved, indent=2))
        return
    for section, *keys in configuration.origins:
        if section == "expect" and len(keys) == 1:
            resolved[section].setdefault(keys[0], None)  # one that does not apply, with the reason
    rows: list[list[str]] = []
    _collect(resolved, (), configuration.origins, rows)
    console.result(console.table(["KEY", "VALUE", "FROM"], rows))


def _collect(
    table: dict[str, Any],
    path: tuple[str, ...],
    origins: dict[tuple[str, ...], str],
    rows: list[list[str]],
) -> None:
    for key, value in table.items():
        here = (*path, key)
        if isinstance(value, dict):
            _collect(value, here, origins, rows)
        else:
            shown = json.dumps(value) if value is not None else "-"
            rows.append([".".join(here), shown, origins.get(here, "default")])
