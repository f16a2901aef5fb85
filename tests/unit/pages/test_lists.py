"""Cells, downloads, cursors: what lists are made of."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.pages.cells import Cell, Column, in_bytes, in_seconds
from monitor.pages.lists import downloads
from monitor.pages.lists.keyset import BadCursor, Cursor, Order
from monitor.pages.urls import LISTINGS
from monitor.records.models import StfFile, WorkflowMessage
from monitor.records.sizes import fitting

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2.5e9, "2.5 GB"), (3e13, "30.0 TB")],
)
def test_a_size_has_the_largest_unit_that_fits(size: float, text: str) -> None:
    assert in_bytes(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0123, "12 ms"),
        (59.94, "59.9 s"),
        (61, "1 min 1 s"),
        (7260, "2 h 1 min"),
        (90000, "1 d 1 h"),
    ],
)
def test_a_time_span_has_the_two_units_that_matter(seconds: float, text: str) -> None:
    assert in_seconds(seconds) == text


def test_a_long_text_is_cut_in_a_table_and_whole_elsewhere() -> None:
    cell = Cell("x" * 500, "long")
    assert len(cell.cut) == 201
    assert cell.text == "x" * 500


@given(st.text(), st.sampled_from(["text", "code", "state", "long"]), st.none() | st.text())
def test_whatever_somebody_wrote_is_shown_as_text(text: str, kind: Any, href: str | None) -> None:
    shown = Cell(text, kind, href).markup
    tags = re.findall(r"<[^>]*>", shown)
    assert all(
        re.fullmatch(r"</?(a|code|span)( (href|class|aria-label)=\"[^\"<>]*\")*>", t) for t in tags
    )
    assert not re.search(r"[<>]", re.sub(r"<[^>]*>", "", shown))


def test_a_column_follows_related_rows_and_dictionaries_as_far_as_they_go() -> None:
    row = SimpleNamespace(run=SimpleNamespace(run_number=7), metadata={"a": {"b": 3}}, none=None)
    assert Column("Run", "run.run_number").value_of(row) == 7
    assert Column("B", "metadata.a.b").value_of(row) == 3
    assert Column("C", "none.x").value_of(row) is None


COLUMNS = (Column("File", "name"), Column("Made at", "made", "time"), Column("Facts", "facts"))


def rows(*names: str) -> Any:
    """Rows with their sizes."""
    return [(SimpleNamespace(name=name, made=NOON, facts={"a": 1}), 10) for name in names]


def test_a_csv_file_holds_every_row_and_no_formula() -> None:
    answer = downloads.download("files", COLUMNS, rows("=cmd()", 'say "hi", you'), "csv")
    table = list(csv.reader(io.StringIO(answer.content.decode())))
    assert table[0] == ["file", "made_at", "facts"]
    assert table[1] == ["'=cmd()", NOON.isoformat(), '{"a": 1}']
    assert table[2][0] == 'say "hi", you'
    assert answer.headers["Content-Disposition"] == 'attachment; filename="files.csv"'


def test_a_json_file_holds_objects_by_the_names_of_the_columns() -> None:
    answer = downloads.download("files", COLUMNS, rows("a"), "json")
    assert json.loads(answer.content) == [
        {"file": "a", "made_at": NOON.isoformat(), "facts": {"a": 1}}
    ]
    assert answer.headers["X-Truncated"] == "false"


def test_a_download_says_when_it_is_not_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "MOST_ROWS", 2)
    answer = downloads.download("files", COLUMNS, rows("a", "b", "c"), "json")
    assert len(json.loads(answer.content)) == 2
    assert answer.headers["X-Truncated"] == "true"


@pytest.mark.parametrize(("most", "kept"), [(1, 1), (10, 1), (11, 2), (20, 2), (30, 3)])
def test_a_download_ends_when_it_is_large(
    monkeypatch: pytest.MonkeyPatch, most: int, kept: int
) -> None:
    monkeypatch.setattr(downloads, "MOST_BYTES", most)
    answer = downloads.download("files", COLUMNS, rows("a", "b", "c"), "json")
    assert len(json.loads(answer.content)) == kept
    assert answer.headers["X-Truncated"] == str(kept < 3).lower()


@pytest.mark.parametrize(
    ("sizes", "kept"), [([], 0), ([50], 1), ([3, 3, 4, 1], 3), ([11, 1], 1), ([1, 20], 1)]
)
def test_what_is_read_at_once_fits_or_is_one_row(sizes: list[int], kept: int) -> None:
    assert fitting(sizes, 10) == kept


@pytest.mark.parametrize("field", ["-created_at", "stf_filename", "run__run_number", "-file_id"])
def test_a_cursor_survives_its_way_through_an_address(field: str) -> None:
    order = Order.parse(StfFile, field)
    value: Any = {"created_at": NOON, "stf_filename": "a&b=c", "run__run_number": 7}.get(
        field.lstrip("-"), uuid4()
    )
    cursor = Cursor(value, uuid4(), backwards=True)
    assert order.read(str(cursor)) == cursor


@pytest.mark.parametrize(
    "text", ["", "x", "bm9uc2Vuc2U", "WzEsMl0", "W3t9LDEsMV0", "\xe9", "W251bGwsIngiLDBd"]
)
def test_a_cursor_that_nobody_gave_is_refused(text: str) -> None:
    with pytest.raises(BadCursor):
        Order.parse(WorkflowMessage, "-sent_at").read(text)


@pytest.mark.parametrize("listing", LISTINGS, ids=lambda listing: listing.name)
def test_a_list_is_sorted_by_fields_that_there_are_and_offers_filters_that_there_are(
    listing: Any,
) -> None:
    model = listing.rows().model
    for text in sorted(listing.orders):
        assert Order.parse(model, text)._column is not None
    for name in (*listing.offered, *listing.suggestions, *listing.choices):
        assert name in listing.filters.base_filters, name
    names = [column.name for column in listing.columns]
    assert len(set(names)) == len(names)
