"""`testbed doctor`"""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from testbed.commands.options import echo_docker_commands, load_configuration, testbed_options


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@testbed_options
def doctor(as_json: bool, config_file: str, namespace: str | None, verbose: bool) -> None:
    """Say what is wrong with this machine.

    And what to do next: engine, plugins, socket, disk, memory, clock, port, secrets, images.
    """
    from testbed.doctor.findings import Grade, examine, exit_code
    from testbed.doctor.machine import gather_facts
    from testbed.output import console
    from testbed.project import ROOT

    if verbose:
        echo_docker_commands()
    facts = gather_facts(ROOT, lambda: load_configuration(config_file, namespace=namespace))
    findings = examine(facts)
    if as_json:
        content = [asdict(finding) for finding in findings]
        console.result(json.dumps(content, indent=2))
    else:
        rows = [[finding.name, finding.grade, finding.seen] for finding in findings]
        console.result(console.table(["CHECK", "VERDICT", "SEEN"], rows))
        for finding in findings:
            if finding.advice:
                console.result(f"\n{finding.name}: {finding.seen}\n  {finding.advice}")
        wrong = sum(finding.grade == Grade.WRONG for finding in findings)
        console.note(f"Wrong: {wrong or 'nothing'}.")
    raise SystemExit(exit_code(findings))
