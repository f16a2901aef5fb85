"""What the images under `images/` are built from, as their Dockerfiles say. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


@dataclass
class Stage:
    """A stage of a Dockerfile.

    :param instructions: without comments, one a line
    :param others: names of stages and images that it builds on or copies from
    :param sources: what it copies or mounts from the build's context: files, folders, patterns
    """

    name: str | None
    instructions: list[str] = field(default_factory=list)
    others: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Target:
    """An image that a Dockerfile makes: a stage that no other one builds on.

    :param name: None: the stage has none, so that it is the Dockerfile's only image
    :param text: the instructions of the stage, and of those that it builds on
    :param sources: what they take from the build's context
    """

    name: str | None
    text: str
    sources: frozenset[str]


def read_targets(dockerfile: str) -> list[Target]:
    """The images that a Dockerfile makes.

    :param dockerfile: its text; no heredocs, no lists in brackets after COPY, stages by name
    """
    head, *stages = _read_stages(dockerfile)
    used = {name for stage in stages for name in stage.others}
    named = {stage.name: stage for stage in stages}
    targets = []
    for stage in stages:
        if stage.name not in used:
            parts = [head, *_with_others(stage, named)]
            targets.append(
                Target(
                    name=stage.name,
                    text="\n".join(line for part in parts for line in part.instructions),
                    sources=frozenset(source for part in parts for source in part.sources),
                )
            )
    return targets


def _read_stages(dockerfile: str) -> list[Stage]:
    """The stages; before them what is outside of every stage."""
    stages = [Stage(None)]
    without_comments = re.sub(r"^\s*#.*\n", "", dockerfile, flags=re.MULTILINE)
    for line in re.sub(r"\\\n", " ", without_comments).splitlines():
        words = line.split()
        if not words:
            continue
        verb = words[0].upper()
        options = [word for word in words[1:] if word.startswith("--")]
        rest = [word for word in words[1:] if not word.startswith("--")]
        if verb == "FROM":
            stages.append(Stage(rest[2] if len(rest) > 2 else None, others={rest[0]}))
        elif verb in ("COPY", "ADD"):
            origin = next((one[7:] for one in options if one.startswith("--from=")), None)
            _take(stages[-1], origin, rest[:-1])
        elif verb == "RUN":
            for mount in (one[8:] for one in options if one.startswith("--mount=")):
                given = dict(part.split("=", 1) for part in mount.split(",") if "=" in part)
                if given.get("type", "bind") == "bind" or "from" in given:
                    source = given.get("source") or given.get("src") or "."
                    _take(stages[-1], given.get("from"), [source])
        stages[-1].instructions.append(line.strip())
    return stages


def _take(stage: Stage, origin: str | None, sources: Iterable[str]) -> None:
    if origin is None:
        stage.sources.update(sources)
    else:
        stage.others.add(origin)


def _with_others(stage: Stage, named: dict[str | None, Stage]) -> Iterator[Stage]:
    for name in sorted(stage.others & named.keys()):
        yield from _with_others(named[name], named)
    yield stage
