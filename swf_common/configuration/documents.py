"""Reading TOML files and what they include."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli

from swf_common.configuration.suggestions import as_toml, nearest
from swf_common.errors import ConfigurationError

Table = dict[str, Any]


@dataclass(frozen=True)
class Document:
    """One TOML file: `name` is what messages call it, `tables` its content."""

    name: str
    tables: Table


def shown(path: Path) -> str:
    """A path as messages show it: relative to the current folder where it lies below."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def read(path: Path) -> Document:
    """The TOML document at `path`.

    :raises ConfigurationError: missing, unreadable, not UTF-8, not TOML, or without any table.
    """
    place = shown(path)
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise ConfigurationError(place=place, problem="there is no such file") from None
    except OSError as error:
        raise ConfigurationError(place=place, problem=f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            place=place, problem=f"is not UTF-8 text (byte {error.start})"
        ) from None
    try:
        tables = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise ConfigurationError(place=place, problem=f"is not valid TOML: {error}") from None
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise ConfigurationError(
                place=place,
                problem=f'"{name}" stands outside of any [section]; put it under one',
            )
    return Document(place, tables)


def workflow_name(document: Document) -> str | None:
    """The workflow that a configuration names; None in one that is there to be included.

    :raises ConfigurationError: it is not a text
    """
    name = document.tables.get("workflow", {}).get("name")
    if name is not None and not isinstance(name, str):
        raise ConfigurationError(
            place=document.name,
            problem=f"[workflow] name = {as_toml(name)} is not valid: must be a text in quotes",
        )
    return name


def with_includes(path: Path, trail: tuple[Path, ...] = ()) -> Iterator[Document]:
    """The document at `path` after all that its `[workflow] includes` name, in their order.

    :raises ConfigurationError: as `read`, or a missing include, or files that include each other.
    """
    path = path.resolve()
    if path in trail:
        circle = " -> ".join(step.name for step in (*trail[trail.index(path) :], path))
        raise ConfigurationError(
            place=shown(trail[-1]),
            problem=f"[workflow] includes: files include each other: {circle}",
            hint="Remove one of these includes.",
        )
    document = read(path)
    workflow = document.tables.get("workflow", {})
    includes = workflow.get("includes", [])
    if not isinstance(includes, list) or not all(isinstance(name, str) for name in includes):
        raise ConfigurationError(
            place=document.name,
            problem='[workflow] includes: must be a list of file names, such as ["a.toml"]',
        )
    for name in includes:
        included = (path.parent / name).resolve()
        if not included.is_file():
            known = [file.name for file in path.parent.glob("*.toml")]
            raise ConfigurationError(
                place=document.name,
                problem=f'[workflow] includes: there is no file "{name}" beside it; '
                + nearest(name, known),
            )
        yield from with_includes(included, (*trail, path))
    yield document
