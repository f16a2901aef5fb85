"""A workflow from the page that starts it to the log line that tells what became of it."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

RUN_MS = 60_000
"""How long a short run may take on a machine with two busy cores."""
AT_ONCE = {
    "no_beam_not_ready_delay": "0",
    "beam_not_ready_delay": "0",
    "beam_ready_delay": "0",
    "beam_not_ready_end_delay": "0",
    "broadcast_delay": "0",
    "stf_interval": "0.5",
    "tf_count": "200",
}
"""Parameters of a run without the pauses that a DAQ makes."""
MARK = "() => { window.sameDocument = true; }"
SAME = "() => window.sameDocument === true"


def start(page: Page, config: str, **parameters: str) -> str:
    """Start a workflow with the form; its execution id. The page shows the execution then."""
    page.goto("/")
    page.get_by_role("link", name="Start a workflow").click()
    page.get_by_role("combobox", name="Configuration").select_option(config)
    page.get_by_role("button", name="Choose").click()
    for name, value in {**AT_ONCE, **parameters}.items():
        page.get_by_label(name, exact=True).fill(value)
    page.get_by_role("button", name=re.compile("^Start ")).click()
    expect(page).to_have_url(re.compile(r"/executions/[\w-]+-\d{4}/$"))
    page.evaluate(MARK)
    return page.url.rstrip("/").rsplit("/", 1)[1]


def status(page: Page) -> Locator:
    """The status beside the heading of an execution's page."""
    return page.get_by_role("heading", level=1).locator(".state")


def number(text: str) -> int:
    return int(text.replace(",", ""))


def counts(page: Page) -> dict[str, int]:
    """The figures of an execution's page by what they count."""
    figures = page.get_by_role("group", name="Counts").locator(".figure").all()
    return {
        figure.locator("span").inner_text(): number(figure.locator("b").inner_text())
        for figure in figures
        if re.fullmatch(r"[\d,]+", figure.locator("b").inner_text())
    }


def test_a_workflow_is_started_on_a_page_and_watched_to_its_end_without_a_reload(
    operator: Page,
) -> None:
    execution = start(operator, "fast_processing_default", stf_count="3")
    expect(operator.get_by_role("status").filter(has_text="has started")).to_be_visible()
    expect(status(operator)).to_have_text("running")
    progress = operator.get_by_role("region", name="Progress")
    expect(progress.get_by_role("progressbar", name="STFs registered")).to_be_visible()
    expect(status(operator)).to_have_text("completed", timeout=RUN_MS)
    expect(operator.get_by_role("region", name="Log", exact=True)).to_contain_text("run")
    assert operator.evaluate(SAME), "without a reload"
    found = counts(operator)
    assert found["STFs generated"] == found["STFs registered"] == 3, found
    operator.goto("/")
    latest = operator.get_by_role("region", name="Latest executions").locator("tbody tr").first
    expect(latest).to_contain_text(execution)
    expect(latest).to_contain_text("completed")


def test_what_cannot_be_run_is_said_beside_its_field(operator: Page, allowed: list[str]) -> None:
    allowed.append("status of 400")
    operator.goto("/executions/start/?config=stf_datataking_default")
    operator.get_by_label("stf_count", exact=True).fill("-1")
    operator.get_by_role("button", name="Start stf_datataking").click()
    field = operator.locator("p.field", has=operator.get_by_label("stf_count", exact=True))
    expect(field.get_by_role("alert")).to_contain_text("stf_count")
    expect(operator.get_by_label("stf_count", exact=True)).to_have_value("-1")


def test_a_running_workflow_is_stopped_from_its_page(operator: Page) -> None:
    start(operator, "stf_datataking_default", stf_count="500", stf_interval="1")
    expect(status(operator)).to_have_text("running")
    operator.get_by_role("link", name="Stop", exact=True).click()
    operator.get_by_role("button", name="Stop").click()
    expect(operator.get_by_role("status").filter(has_text="is stopping")).to_be_visible()
    operator.evaluate(MARK)
    expect(status(operator)).to_have_text("terminated", timeout=RUN_MS)
    assert operator.evaluate(SAME), "without a reload"
    expect(operator.get_by_role("link", name="Stop", exact=True)).to_have_count(0)


def test_the_timeline_of_an_execution_shows_run_agents_and_files(
    viewer: Page, finished: Any
) -> None:
    viewer.goto(f"/executions/{finished['execution_id']}/")
    timeline = viewer.get_by_role("region", name="Timeline", exact=True)
    drawing = timeline.get_by_role("group", name="Timeline")
    expect(drawing).to_be_visible()
    for lane in ("run", "STFs registered", "slices", "data-agent"):
        expect(drawing.get_by_text(re.compile(lane, re.IGNORECASE)).first).to_be_visible()
    assert drawing.locator("rect:not(.track)").count() >= 5
    expect(viewer.get_by_role("region", name="Expectations")).to_be_visible()
    configuration = viewer.get_by_role("region", name="Configuration", exact=True)
    expect(configuration).to_contain_text("stf_count")
    expect(configuration).to_contain_text("--set")


def test_the_histograms_of_a_run_tell_what_they_hold(viewer: Page, finished: Any) -> None:
    viewer.goto(f"/executions/{finished['execution_id']}/")
    viewer.get_by_role("link", name="Histograms").first.click()
    held = viewer.get_by_role("group", name="What the histograms hold")
    expect(held).to_contain_text("3STFs sampled")
    expect(held).to_contain_text(f"{finished['slices']['completed']}slices")
    drawings = viewer.get_by_role("img")
    expect(drawings.first).to_be_visible()
    assert drawings.count() >= 10
    entries = drawings.first.get_attribute("aria-label") or ""
    assert re.search(r"[1-9]\d* entries", entries), entries


def test_two_runs_are_compared(viewer: Page, finished: Any) -> None:
    run = finished["run_id"]
    viewer.goto(f"/runs/{run}/histograms/")
    viewer.get_by_label("Compare with run").fill(run)
    viewer.get_by_role("button", name="Compare").click()
    expect(viewer.get_by_role("main")).to_contain_text("scaled by 1.000")


def test_a_message_is_three_clicks_from_its_execution(viewer: Page, finished: Any) -> None:
    viewer.goto(f"/executions/{finished['execution_id']}/")
    viewer.get_by_role("link", name="Messages", exact=True).last.click()
    chip = viewer.get_by_label("Active filters")
    expect(chip).to_contain_text(finished["execution_id"])
    row = viewer.locator("tbody tr").filter(has_text="slice_result").first
    row.get_by_role("link").first.click()
    main = viewer.get_by_role("main")
    expect(viewer).to_have_url(re.compile(r"/messages/[0-9a-f-]{36}/$"))
    expect(main).to_contain_text("req_id")
    expect(main).to_contain_text(finished["run_id"])


def test_a_log_line_is_shown_with_the_lines_around_it(viewer: Page, finished: Any) -> None:
    viewer.goto(f"/executions/{finished['execution_id']}/")
    lines = viewer.get_by_role("region", name="Log lines")
    text = lines.get_by_role("row").last.get_by_role("cell").last.inner_text()
    lines.get_by_role("row").last.get_by_role("link").first.click()
    expect(viewer).to_have_url(re.compile(r"/logs/\d+/"))
    around = viewer.get_by_role("region", name="Lines around it").first
    expect(around.locator("[aria-current=true]")).to_contain_text(text)
    assert around.get_by_role("row").count() > 1
