"""How far an execution is: a page shows the stages that there are, whatever they are called."""

from __future__ import annotations

from typing import Any

from django.template.loader import render_to_string

from monitor.pages.views.progress import stage_rows

COUNTS: dict[str, Any] = {
    "wanted": 5,
    "stf": {"generated": 4, "registered": 4, "processed": 0, "failed": 0},
    "tfs": {"sampled": 0, "in_slices": 0, "in_results": 0},
    "slices": {"created": 7, "completed": 6, "failed": 0},
    "stages": {
        "stf.registered": {"done": 4, "failed": 0},
        "stf.calibrated": {"done": 2, "failed": 1},
        "tfs.sliced": {"done": 0, "failed": 0},
        "slices.processed": {"done": 6, "failed": 0},
    },
}


def test_every_stage_has_a_row_once_there_is_something_to_do_there() -> None:
    rows = [(row["label"], row["done"], row["ended"], row["total"]) for row in stage_rows(COUNTS)]
    assert rows == [
        ("STFs generated", 4, 4, 5),
        ("STFs registered", 4, 4, 5),
        ("STFs calibrated", 2, 3, 5),
        ("slices processed", 6, 6, 7),
    ]


def test_the_page_shows_a_stage_that_an_agent_brings_along() -> None:
    progress = {**COUNTS, "rows": stage_rows(COUNTS)}
    text = render_to_string("pages/progress.html", {"progress": progress})
    bar = '<progress max="5" value="3" aria-label="STFs calibrated"></progress>'
    assert f'{bar} 2 of 5, <span class="state bad">1 failed</span>' in text
    assert "<dt>Slices processed</dt>" in text


def test_before_the_first_stf_the_page_says_that_there_is_none() -> None:
    text = render_to_string("pages/progress.html", {"progress": {"rows": []}})
    assert "none yet" in text
