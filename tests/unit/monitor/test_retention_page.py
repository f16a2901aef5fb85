"""The page on how long records are kept names every table, and what the recorder does with it."""

from __future__ import annotations

import re
from pathlib import Path

from django.apps import apps
from django.conf import settings

from monitor.recorder.retention import RULES

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "records.md").read_text()


def table_below(heading: str) -> list[list[str]]:
    """The cells of each row of the table below a heading."""
    section = PAGE.split(f"{heading}\n", 1)[1].split("\n#", 1)[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def named(text: str) -> list[str]:
    return re.findall(r"`(\w+)`", text)


def test_every_table_of_the_database_is_listed_once() -> None:
    listed = [name for row in table_below("## Every table") for name in named(row[0])]
    without = {name for name, module in settings.MIGRATION_MODULES.items() if module is None}
    made = {
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_label not in without
    }
    assert sorted(listed) == sorted(made | {"django_migrations"})


def test_every_rule_is_listed_with_its_setting() -> None:
    listed = [
        (named(table)[0], named(setting)[0])
        for table, _, setting in table_below("## Every table")
        if setting
    ]
    assert sorted(listed) == sorted((rule.table, rule.setting) for rule in RULES)


def test_every_setting_is_listed_with_its_default_and_reaches_the_containers() -> None:
    listed = {named(row[0])[0]: float(row[1]) for row in table_below("# How long records are kept")}
    assert listed == {rule.setting: rule.days for rule in RULES}
    compose = (ROOT / "compose.yaml").read_text()
    for name in listed:
        assert getattr(settings, name) > 0
        assert f"  {name}: ${{{name}:-{listed[name]:g}}}\n" in compose


def test_children_go_before_their_parents() -> None:
    order = [rule.table for rule in RULES]
    for child, parent in (
        ("swf_tf_slices", "swf_fastmon_files"),
        ("swf_fastmon_files", "swf_stf_files"),
        ("swf_stf_files", "swf_runs"),
        ("swf_runs", "swf_run_state"),
    ):
        assert order.index(child) < order.index(parent)
