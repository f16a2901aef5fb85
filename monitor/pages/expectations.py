"""What an execution's page says of `[expect]`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from monitor.records.json_values import as_list, as_object
from testbed.configuration.expectations import AT_MOST, judged
from testbed.configuration.model import ExpectSection


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


def told(report: Mapping[str, Any]) -> list[Line]:
    """The verdict of `testbed run`, as it told it."""
    return [
        _line(str(item.get("name")), item.get("wanted"), item.get("seen"), bool(item.get("ok")))
        for item in as_list(report.get("expectations"))
        if as_object(item)
    ]


def counted(expect: Any, stf: Mapping[str, int], *, settled: bool) -> list[Line]:
    """What the records say, of an execution that nobody has told the verdict of.

    :param expect: the section as the execution was started with
    :param stf: STFs by stage, as recorded
    :param settled: the counts do not change any more
    """
    try:
        section = ExpectSection.model_validate(expect)
    except ValidationError:
        return []  # an agent of the predecessor writes what it likes
    lines = [
        _line(one.name, one.wanted, one.seen, one.ok, settled=settled)
        for one in judged(section, stf, duration_s=None)
    ]
    if section.within is not None:
        lines.append(Line("within", section.within, None, "not measured", "plain"))
    return lines


def _line(name: str, wanted: Any, seen: Any, ok: bool, *, settled: bool = True) -> Line:
    if settled:
        return Line(name, wanted, seen, *(("met", "ok") if ok else ("missed", "bad")))
    if name in AT_MOST:
        return Line(name, wanted, seen, *(("met so far", "plain") if ok else ("missed", "bad")))
    return Line(name, wanted, seen, *(("met", "ok") if ok else ("not yet", "plain")))
