"""The pages: who may see them, what they list, what they refuse, and what operators do there."""

from __future__ import annotations

import csv
import io
import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from swf_common.broker.connection import BrokerLink
from swf_common.protocol.destinations import EPICTOPIC
from tests.rest import Api, log_record
from tests.waiting import eventually
from tests.web import Browser

if TYPE_CHECKING:
    from testbed.integration import TestbedStack

LISTS = (
    "agents",
    "executions",
    "definitions",
    "runs",
    "stf-files",
    "messages",
    "logs",
    "dead-letters",
)
PAGES = ("", "find/", "containers/", "logs/summary/", *(f"{name}/" for name in LISTS))
MOVED = ("namespaces", "subscribers", "workers", "tf-samples", "tf-slices", "state-events")
"""Lists that are the admin's now."""
ACTIONS = (
    "executions/start/",
    "executions/x/stop/",
    "executions/x/end/",
    "programs/transformer/kill/",
    "programs/transformer/start/",
    "agents/x/kill/",
    "dead-letters/1/retry/",
    "dead-letters/1/discard/",
)
SCRIPT = "<script>alert(1)</script>"


def signed_in(stack: TestbedStack, role: str) -> Browser:
    """A browser in which somebody with that role has signed in, by the link of `testbed open`."""
    name = f"{role}-{uuid4().hex[:8]}"
    done = stack.command("open", "--print", "--role", role, "--user", name)
    assert done.returncode == 0, done.stderr
    path = urlsplit(done.stdout.strip()).path
    browser = Browser(stack.monitor_url)
    assert urlsplit(browser.post(path, path).url).path == "/"
    return browser


@pytest.fixture(scope="module")
def viewer_page(stack: TestbedStack) -> Browser:
    return signed_in(stack, "viewer")


@pytest.fixture(scope="module")
def operator_page(stack: TestbedStack) -> Browser:
    return signed_in(stack, "operator")


@pytest.fixture(scope="module")
def stranger(stack: TestbedStack) -> Browser:
    return Browser(stack.monitor_url)


@pytest.fixture(scope="module")
def log_lines(stack: TestbedStack, agent: Api) -> str:
    """250 log lines of one instance, its name; the first one holds a script."""
    name = f"writer-{uuid4().hex[:8]}"
    lines = [
        log_record(
            instance_name=name, message=f"line {number}" if number else SCRIPT, lineno=number
        )
        for number in range(250)
    ]
    agent.post("logs/", lines)
    return name


@pytest.mark.parametrize("page", PAGES)
def test_a_viewer_sees_every_page_and_it_names_no_outside_host(
    stack: TestbedStack, viewer_page: Browser, page: str
) -> None:
    answer = viewer_page.get(f"/{page}")
    assert answer.status_code == 200, answer.text
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    named = re.findall(r"""(?:src|href)=["']?((?:https?:)?//[^"'\s>]+)""", answer.text)
    assert [url for url in named if not url.startswith(stack.monitor_url)] == []
    assert " style=" not in answer.text


@pytest.mark.parametrize("page", [*PAGES, *ACTIONS])
def test_a_stranger_is_sent_to_the_sign_in_and_gets_no_live_part(
    stranger: Browser, page: str
) -> None:
    answer = stranger.get(f"/{page}", allow_redirects=False)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/accounts/login/?next=")
    part = stranger.get(f"/{page}", allow_redirects=False, headers={"HX-Request": "true"})
    assert part.status_code == 401


@pytest.mark.parametrize("page", ACTIONS)
def test_a_viewer_is_told_why_an_action_is_refused(viewer_page: Browser, page: str) -> None:
    answer = viewer_page.get(f"/{page}")
    assert answer.status_code == 403
    assert "needs the role operator" in answer.text
    assert viewer_page.post(f"/{page}", "/account/").status_code == 403


def test_a_page_that_does_not_exist_is_a_page_and_says_where_to_go(viewer_page: Browser) -> None:
    for path in ("/nothing/", "/messages/0/", f"/messages/{uuid4()}/", "/runs/1/", "/agents/no/"):
        answer = viewer_page.get(path)
        assert answer.status_code == 404, path
        assert "To the overview" in answer.text


def cells(page: str, column: int) -> list[str]:
    """The texts of a column of the list on a page."""
    found = []
    for row in re.findall(r"<tr>(<td.*?)</tr>", page, re.S):
        texts = re.findall(r"<td[^>]*>(.*?)</td>", row, re.S)
        found.append(unescape(re.sub(r"<[^>]+>", "", texts[column])).strip())
    return found


def walk(browser: Browser, path: str, column: int, relation: str = "next") -> list[list[str]]:
    """The texts of a column, page by page, following the links to the next ones."""
    pages = []
    while True:
        text = browser.get(path).text
        pages.append(cells(text, column))
        link = re.search(rf'<a href="([^"]+)" rel="{relation}">', text)
        if link is None or len(pages) > 20:
            return pages
        path = f"{path.split('?')[0]}{unescape(link[1])}"


@pytest.mark.parametrize("sort", ["id", "-id", "timestamp", "-timestamp"])
def test_pages_of_a_list_hold_every_row_once_in_order(
    viewer_page: Browser, log_lines: str, sort: str
) -> None:
    # all lines have the same time: their order is that of their keys
    path = f"/logs/?instance_name={log_lines}&sort={sort}"
    pages = walk(viewer_page, path, 6)
    numbers = [int(place.split(":")[1]) for page in pages for place in page]
    assert [len(page) for page in pages] == [100, 100, 50]
    assert numbers == sorted(range(250), reverse=sort.startswith("-"))


def test_the_way_back_through_a_list_shows_the_same_pages(
    viewer_page: Browser, log_lines: str
) -> None:
    path = f"/logs/?instance_name={log_lines}"
    first = viewer_page.get(path).text
    second = viewer_page.get(f"/logs/{unescape(link(first, 'next'))}").text
    third = viewer_page.get(f"/logs/{unescape(link(second, 'next'))}").text
    back = viewer_page.get(f"/logs/{unescape(link(third, 'prev'))}").text
    assert cells(back, 6) == cells(second, 6)
    assert cells(viewer_page.get(f"/logs/{unescape(link(back, 'prev'))}").text, 5) == cells(
        first, 5
    )
    assert "data-live" in first
    assert "data-live" not in second


def link(page: str, relation: str) -> str:
    found = re.search(rf'<a href="([^"]+)" rel="{relation}">', page)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("name", LISTS)
def test_every_offered_order_of_every_list_works(viewer_page: Browser, name: str) -> None:
    page = viewer_page.get(f"/{name}/").text
    orders = re.findall(r'<th [^>]*><a href="(\?[^"]*sort=[^"]+)">', page)
    for order in map(unescape, orders):
        assert viewer_page.get(f"/{name}/{order}").status_code == 200, order


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/messages/?nothing=1", "There is no filter"),
        ("/messages/?mesage_type=x", "did you mean &quot;message_type&quot;?"),
        ("/messages/?sort=message_content", "cannot be sorted by"),
        ("/messages/?cursor=x", "This page does not exist"),
        ("/messages/?format=xml", "There is no format"),
        ("/messages/?since=yesterday", "A filter has a value that it cannot have"),
        ("/messages/?message_type=%00", "NUL character"),
        ("/runs/?run_number=x", "A filter has a value that it cannot have"),
        ("/stf-files/?status=odd", "A filter has a value that it cannot have"),
    ],
)
def test_an_address_that_makes_no_sense_is_a_400_that_says_what_is_wrong(
    viewer_page: Browser, path: str, part: str
) -> None:
    answer = viewer_page.get(path)
    assert answer.status_code == 400
    assert part in answer.text


def test_a_list_can_be_downloaded_as_it_is_filtered(viewer_page: Browser, log_lines: str) -> None:
    path = f"/logs/?instance_name={log_lines}&search=line+24"
    rows = viewer_page.get(f"{path}&format=json").json()
    assert [row["message"] for row in rows] == [
        *(f"line {number}" for number in range(249, 239, -1)),
        "line 24",
    ]
    text = viewer_page.get(f"{path}&format=csv").text
    assert [row["message"] for row in csv.DictReader(io.StringIO(text))] == [
        row["message"] for row in rows
    ]


def test_a_script_is_shown_as_text(viewer_page: Browser, log_lines: str, agent: Api) -> None:
    page = viewer_page.get(f"/logs/?instance_name={log_lines}&sort=id").text
    assert SCRIPT not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    (row,) = viewer_page.get(f"/logs/?instance_name={log_lines}&search=script&format=json").json()
    assert row["message"] == SCRIPT

    name = f"agent-{uuid4().hex[:8]}"
    heartbeat = {"instance_name": name, "description": SCRIPT, "metadata": {"x": SCRIPT}}
    assert agent.request("POST", "systemagents/heartbeat/", heartbeat).status_code == 201
    page = viewer_page.get(f"/agents/{name}/").text
    assert SCRIPT not in page
    assert "&lt;script&gt;" in page
    assert SCRIPT not in viewer_page.get(f"/find/?q={SCRIPT}").text


def test_an_agent_with_a_slash_in_its_name_has_a_page(viewer_page: Browser, agent: Api) -> None:
    name = f"a/b c-{uuid4().hex[:8]}"
    agent.request("POST", "systemagents/heartbeat/", {"instance_name": name})
    answer = viewer_page.get(f"/find/?q={name}")
    assert answer.status_code == 200
    assert name in answer.text
    assert urlsplit(answer.url).path.startswith("/agents/a/b")


def test_a_dead_letter_is_retried_to_its_queue_or_discarded_once(
    sender: BrokerLink, operator_page: Browser, viewer: Api, viewer_page: Browser
) -> None:
    def letters(body: str) -> list[Any]:
        rows = viewer.get("dead-letters/", resolution="open")
        return [row for row in rows if row["body"] == body]

    first, second = f"no json {uuid4().hex}", f"no json {uuid4().hex}"
    for body in (first, second):
        sender.send(EPICTOPIC, body, {"persistent": "true"})
    (letter, *_) = eventually(lambda: letters(first), "the recorder takes it in")
    address = f"/dead-letters/{letter['id']}/"
    assert "need the role operator" not in operator_page.get(address).text
    assert "need the role operator" in viewer_page.get(address).text
    done = operator_page.post(f"{address}discard/", f"{address}discard/")
    assert done.status_code == 200
    assert "is discarded" in done.text
    again = operator_page.post(f"{address}retry/", f"{address}discard/")
    assert again.status_code == 409
    assert "discarded already" in again.text

    (letter, *_) = eventually(lambda: letters(second), "the recorder takes it in")
    address = f"/dead-letters/{letter['id']}/"
    done = operator_page.post(f"{address}retry/", f"{address}retry/")
    assert done.status_code == 200, done.text
    assert viewer.get(f"dead-letters/{letter['id']}/")["resolution"] == "retried"
    back = eventually(
        lambda: [row for row in letters(second) if row["id"] > letter["id"]],
        "what is refused again comes back as a letter of its own",
    )
    assert back[0]["destination"] == letter["destination"]


def test_the_rest_interface_settles_dead_letters_for_operators_alone(
    sender: BrokerLink, operator: Api, viewer: Api, agent: Api
) -> None:
    body = f"no json {uuid4().hex}"
    sender.send(EPICTOPIC, body, {"persistent": "true"})

    def letters() -> list[Any]:
        rows = viewer.get("dead-letters/", resolution="open")
        return [row for row in rows if row["body"] == body]

    (letter, *_) = eventually(letters, "the recorder takes it in")
    path = f"dead-letters/{letter['id']}/discard/"
    assert viewer.request("POST", path).status_code == 403
    assert agent.request("POST", path).status_code == 403
    assert operator.request("POST", path).json()["resolution"] == "discarded"
    assert operator.request("POST", path).status_code == 409
    assert operator.request("POST", "dead-letters/999999999/retry/").status_code == 404


def test_the_form_for_starting_a_workflow_refuses_what_the_resolver_refuses(
    operator_page: Browser,
) -> None:
    page = "/executions/start/?config=stf_datataking_default"
    fields = dict(
        re.findall(
            r'<input type="number" name="([^"]+)" value="([^"]*)"', operator_page.get(page).text
        )
    )
    assert "daq_state_machine.stf_count" in fields
    answer = operator_page.post(
        "/executions/start/",
        page,
        **{**fields, "config": "stf_datataking_default", "daq_state_machine.stf_count": "-3"},
    )
    assert answer.status_code == 400
    assert "must be at least 0" in answer.text
    assert operator_page.get("/executions/start/?config=none").status_code == 404


@pytest.mark.parametrize("name", LISTS)
def test_the_form_of_filters_can_be_sent_as_it_is(viewer_page: Browser, name: str) -> None:
    form = viewer_page.get(f"/{name}/").text.split('<form class="filters"')[1].split("</form>")[0]
    fields = re.findall(r'<(?:input|select)[^>]* name="([^"]+)"', form)
    assert fields
    query = "&".join(f"{field}=" for field in fields)
    assert viewer_page.get(f"/{name}/?{query}").status_code == 200


@pytest.fixture
def odd_records(stack: TestbedStack, agent: Api, operator: Api) -> Iterator[str]:
    """Records that agents may write and nobody expects; what their names begin with."""
    name = f"odd-{uuid4().hex[:8]}"
    for heartbeat in (
        {"instance_name": f"{name}\nnext", "metadata": {"execution_id": "x\ny", "run_id": [1]}},
        {"instance_name": name, "program": "a b/c", "metadata": {"execution_id": {"a": 1}}},
    ):
        agent.post("systemagents/heartbeat/", heartbeat)
    (row,) = agent.get("systemagents/", instance_name=name)
    operator.patch(f"systemagents/{row['id']}/", {"metadata": ["no", "object"]})
    definition = {
        "workflow_name": name,
        "version": "1",
        "workflow_type": "test",
        "definition": "pass",
        "created_by": "test",
    }
    execution = {
        "workflow_definition": agent.post("workflow-definitions/", definition).json()["id"],
        "namespace": stack.namespace,
        "status": "running",
        "start_time": datetime.now(UTC).isoformat(),
        "executed_by": "test",
        "parameter_values": {"workflow": [1], "expect": "x", "origins": 7},
        "performance_metrics": {
            "report": {"incidents": 5, "expectations": "x"},
            "stf_generated": "n",
        },
    }
    keys = {f"{name}-1": -5, f"{name}-2": None}
    for key, run in keys.items():
        agent.post("workflow-executions/", {**execution, "execution_id": key, "run_number": run})
    yield name
    for key in keys:
        operator.patch(f"workflow-executions/{key}/", {"status": "terminated"})


def test_odd_records_of_agents_break_no_page(
    odd_records: str, viewer_page: Browser, operator_page: Browser
) -> None:
    for browser in (viewer_page, operator_page):
        for path in ("", "agents/", f"agents/{odd_records}/", "executions/"):
            assert browser.get(f"/{path}").status_code == 200, path
        for number in (1, 2):
            assert browser.get(f"/executions/{odd_records}-{number}/").status_code == 200


def test_metrics_and_parameters_of_executions_are_objects(odd_records: str, operator: Api) -> None:
    path = f"workflow-executions/{odd_records}-1/"
    for name in ("performance_metrics", "parameter_values"):
        answer = operator.request("PATCH", path, {name: [1]})
        assert answer.status_code == 400
        assert name in answer.json()


def test_odd_addresses_are_refused_and_break_nothing(viewer_page: Browser) -> None:
    for path in ("executions/a%00b", "agents/a%00b", "namespaces/a%00b", "workers/%00"):
        assert viewer_page.get(f"/{path}/").status_code == 404, path
    executions, messages = "executions/?sort=executed_by", "messages/?sort=id"
    for path, cursor in (
        (messages, [1, float("inf"), False]),
        (executions, ["a\x00", "x", False]),
        (executions, ["a", "x\x00", False]),
        (executions, ["\ud800", "x", False]),
        (messages, ["a", 1, False]),
    ):
        token = urlsafe_b64encode(json.dumps(cursor).encode()).decode()
        assert viewer_page.get(f"/{path}&cursor={token}").status_code == 400, (path, cursor)
    assert viewer_page.get("/accounts/login/?next=/accounts/login/").status_code == 200


def test_find_goes_straight_to_the_one_record(viewer_page: Browser, viewer: Api) -> None:
    (message,) = viewer.get("workflow-messages/", limit=1)["results"]
    answer = viewer_page.get(f"/find/?q={message['message_id']}")
    assert urlsplit(answer.url).path == f"/messages/{message['message_id']}/"
    nothing = viewer_page.get("/find/?q=no-such-thing")
    assert "No record has exactly this name" in nothing.text
    assert "/logs/?search=no-such-thing" in nothing.text


def test_the_content_of_a_message_is_json_for_people(viewer_page: Browser, viewer: Api) -> None:
    (row,) = viewer.get("workflow-messages/", limit=1)["results"]
    page = viewer_page.get(f"/messages/{row['message_id']}/").text
    shown = [unescape(text) for text in re.findall(r"<pre[^>]*>(.*?)</pre>", page, re.S)]
    assert json.loads(shown[0]) == row["message_content"]


def test_every_record_that_is_listed_has_a_page(viewer_page: Browser) -> None:
    missing: list[Any] = []
    for name in LISTS:
        page = viewer_page.get(f"/{name}/").text
        links = re.findall(rf'<td[^>]*><a href="(/{name}/[^"?]+)"', page)
        for address in map(unescape, links[:3]):
            if viewer_page.get(address).status_code != 200:
                missing.append(address)
    assert missing == []


def test_old_addresses_lead_to_the_admin_with_their_filters(
    viewer_page: Browser, stranger: Browser, agent: Api
) -> None:
    name = f"moved/{uuid4().hex[:8]}"
    worker = {
        "worker_id": name,
        "run_number": 4711,
        "location": "here",
        "status": "ended",
        "started_at": datetime.now(UTC).isoformat(),
        "metadata": {"note": SCRIPT},
    }
    assert agent.post("workers/", worker).status_code == 201
    for old in MOVED:
        assert viewer_page.get(f"/{old}/").status_code == 200, old
        assert stranger.get(f"/{old}/", allow_redirects=False).status_code == 302, old
    listed = viewer_page.get("/workers/?run_number=4711&sort=-started_at")
    assert urlsplit(listed.url)[2:4] == ("/admin/records/worker/", "run_number=4711")
    assert name in listed.text
    assert "Workers, run_number 4711" in listed.text
    assert name not in viewer_page.get("/workers/?run_number=4712").text
    since = viewer_page.get("/tf-slices/?since=2026-01-01T00:00&stf_filename=no.stf")
    assert "created_at__gte=" in since.url
    assert "stf_filename no.stf" in since.text
    page = viewer_page.get(f"/workers/{name}/")
    assert (page.status_code, "/change/" in page.url) == (200, True)
    assert SCRIPT not in page.text
    found = viewer_page.get(f"/find/?q={name}")
    assert found.url == page.url


def test_the_page_of_a_run_shows_its_samples_and_slices_the_failed_ones_first(
    viewer_page: Browser, agent: Api
) -> None:
    number = 10**6 + uuid4().int % 10**6
    now = datetime.now(UTC).isoformat()
    run = agent.post("runs/", {"run_number": number, "start_time": now}).json()["run_id"]
    stf, sample = f"{number}.stf", f"{number}.tf"
    agent.post("stf-files/", {"run": run, "stf_filename": stf, "tf_count": 99})
    frames = {"tf_first": 0, "tf_last": 79, "tf_count": 80}
    agent.post("fastmon-files/", [{"stf_file": stf, "tf_filename": sample, **frames}])
    cuts = [
        {"tf_filename": sample, "slice_id": n, "tf_first": n, "tf_last": n, "tf_count": 1}
        for n in range(3)
    ]
    first, *_ = agent.post("tf-slices/", cuts).json()
    why = {"status": "failed", "metadata": {"failure": SCRIPT}}
    assert agent.patch("tf-slices/", [{"id": first["id"], **why}]).status_code == 200
    page = viewer_page.get(f"/runs/{number}/").text
    assert SCRIPT not in page
    slices = page.split('aria-label="TF slices"')[1]
    assert cells(slices, 2) == ["0", "2", "1"]
    assert cells(slices, 9)[0] == SCRIPT
    assert cells(page.split('aria-label="TF samples"')[1].split("</section>")[0], 0) == [sample]
    table = re.search(r'<h2><a href="([^"]+)">TF slices', page)
    assert table is not None
    assert viewer_page.get(unescape(table[1])).text.count('name="_selected_action"') == 3
    assert (
        viewer_page.get(f"/stf-files/?run_number={number}&format=json").json()[0]["tf_samples"] == 1
    )
