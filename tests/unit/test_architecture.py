"""docs/architecture.md is true: each symbol is in its file and uses the symbols of its row."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| `([^`]+\.\w+)` \| (?:`(\w+)`)? ?\| ?(.*?) ?\|$", re.M)
PLACE = re.compile(r"^\| [^`|]+ \| `([^`]+)` \| (?:`(\w+)`)? ?\|$", re.M)


def rows() -> list[tuple[str, str, list[str]]]:
    text = (ROOT / "docs" / "architecture.md").read_text()
    steps = ROW.findall(text)
    assert len(steps) == text.count("\n| `")
    places = PLACE.findall(text)
    assert len(places) > 5
    return [(file, symbol, re.findall(r"`([^`]+)`", uses)) for file, symbol, uses in steps] + [
        (file, symbol, []) for file, symbol in places
    ]


def definition(file: Path, symbol: str) -> str:
    """The source of every definition of a symbol in a file."""
    text = file.read_text()
    if file.suffix != ".py":
        return text if symbol in text else ""
    parts = []
    for node in ast.walk(ast.parse(text)):
        names = {getattr(node, "name", None)}
        if isinstance(node, ast.Assign):
            names = {target.id for target in node.targets if isinstance(target, ast.Name)}
        if symbol in names:
            parts.append(ast.get_source_segment(text, node) or "")
    return "\n".join(parts)


@pytest.mark.parametrize(("file", "symbol", "uses"), rows(), ids=lambda one: str(one)[-40:])
def test_a_step_of_a_walk_is_there_and_uses_the_next(
    file: str, symbol: str, uses: list[str]
) -> None:
    path = ROOT / file
    assert path.is_file()
    source = definition(path, symbol) if symbol else ""
    assert source or not symbol, f"{file} has no {symbol}"
    assert [name for name in uses if not re.search(rf"\b{re.escape(name)}\b", source)] == []
