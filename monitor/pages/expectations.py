"""What an execution's page says of `[expect]`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from swf_common.configuration.expectations import Expectation, judged
from swf_common.configuration.model import ExpectSection
from swf_common.protocol.json_values import as_list, as_object


@dataclass(frozen=True)
class Line:
    """One expectation on the page.

    :param seen: None when only `testbed run` could have measured it
    """

    name: str
    wanted: Any
    seen: Any
    word: str
    tone: str


TONES = {
    "met": "ok",
    "met so far": "plain",
    "not yet": "plain",
    "not measured": "plain",
    "not reached": "warn",
    "missed": "bad",
}


def reported(report: Mapping[str, Any]) -> list[Line]:
    """The verdict of `testbed run`, as it is recorded."""
    return [
        Line(
            str(item.get("name")),
            item.get("wanted"),
            item.get("seen"),
            *(("met", "ok") if item.get("ok") else ("missed", "bad")),
        )
        for item in as_list(report.get("expectations"))
        if as_object(item)
    ]


def counted(expect: Any, progress: Mapping[str, Any], *, settled: bool) -> list[Line]:
    """What the records say, of an execution that has no verdict yet.

    :param expect: the section as the execution was started with
    :param progress: of the execution, as recorded
    :param settled: the end is some while ago, so that the counts hardly change any more
    """
    try:
        section = ExpectSection.model_validate(expect)
    except ValidationError:
        return []  # an agent of the predecessor writes what it likes
    lines = [_counted(one, settled=settled) for one in judged(section, progress, duration_s=None)]
    if section.within is not None:
        lines.append(Line("within", section.within, None, "not measured", TONES["not measured"]))
    return lines


def _counted(one: Expectation, *, settled: bool) -> Line:
    if one.at_most:
        word = "missed" if not one.ok else "met" if settled else "met so far"
    else:
        word = "met" if one.ok else "not reached" if settled else "not yet"
    return Line(one.name, one.wanted, one.seen, word, TONES[word])
