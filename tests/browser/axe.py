"""Accessibility, as axe-core judges it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SERIOUS = ("serious", "critical")


def check_accessible(page: Page, rules: Sequence[str] = ()) -> None:
    """Fail when axe-core finds a serious or critical violation on the page as it stands now.

    :param rules: only these; default: all
    """
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = list(rules)
    found: list[dict[str, Any]] = Axe().run(page, options=options).response["violations"]
    lines = [
        line
        for violation in found
        if violation["impact"] in SERIOUS
        for line in (
            f"{violation['id']} ({violation['impact']}): {violation['help']}, "
            f"see {violation['helpUrl']}",
            *(f"    {_describe(node)}" for node in violation["nodes"]),
        )
    ]
    assert not lines, "\n".join([f"axe on {page.url}:", *lines])


def _describe(node: dict[str, Any]) -> str:
    reasons = [check["message"] for check in (*node["any"], *node["all"], *node["none"])]
    return f"{' '.join(map(str, node['target']))}: {node['html'][:200]} — {'; '.join(reasons)}"
