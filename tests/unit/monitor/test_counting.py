"""Counts beside the rows of a list: for the rows that are shown, not for all that there are."""

from __future__ import annotations

import re

from monitor.records.models import Run, StfFile
from monitor.records.queries.counting import number_of


def test_rows_are_cut_to_a_page_without_grouping_all_of_them_first() -> None:
    rows = Run.objects.annotate(number=number_of(StfFile, "run")).order_by("-run_number")[:100]
    outer = str(rows.query)
    while "(" in outer:
        outer = re.sub(r"\([^()]*\)", "", outer)
    assert "LIMIT 100" in outer
    assert "GROUP BY" not in outer
    assert "JOIN" not in outer
