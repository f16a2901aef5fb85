"""What people see in a browser: signing in, their tokens, the admin, metrics, the REST pages."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import pytest
import requests

from tests.integration.test_pages import signed_in
from tests.rest import Api, Sql
from tests.waiting import eventually
from tests.web import Browser, fields_of

if TYPE_CHECKING:
    from testbed.integration import TestbedStack

RECORDS = (
    "systemagent",
    "agentstatechange",
    "namespace",
    "subscriber",
    "run",
    "runstate",
    "stffile",
    "stagerecord",
    "fastmonfile",
    "tfslice",
    "runhistograms",
    "worker",
    "systemstateevent",
    "workflowdefinition",
    "workflowexecution",
    "workflowmessage",
    "deadletter",
    "applog",
    "persistentstate",
    "recorderstatus",
    "queueabsence",
)


def issue(browser: Browser, **fields: str) -> requests.Response:
    """Make a token with the form on the account page."""
    return browser.post("/account/tokens/", "/account/", **fields)


def key_on(page: str) -> str:
    found = re.search(r'<code class="key">([^<]+)</code>', page)
    assert found is not None, "no key is shown"
    return unescape(found[1])


def row_of(page: str, name: str) -> str:
    """The row of the table of tokens that names a token."""
    rows: list[str] = re.findall(r"<tr>.*?</tr>", page, re.DOTALL)
    (row,) = (one for one in rows if f">{name}<" in one)
    return row


@pytest.fixture(scope="module")
def administrator(stack: TestbedStack) -> Browser:
    """A browser in which the administrator has signed in."""
    browser = Browser(stack.monitor_url)
    answer = browser.sign_in("admin", stack.session.project.secret("admin_password"))
    assert answer.status_code == 200, answer.text
    assert urlsplit(answer.url).path == "/"
    return browser


@pytest.fixture
def stranger(stack: TestbedStack) -> Browser:
    """A browser in which nobody has signed in."""
    return Browser(stack.monitor_url)


@pytest.fixture
def person(stack: TestbedStack, administrator: Browser) -> Iterator[Browser]:
    """A browser in which a user without any role has signed in."""
    name, password = f"person-{uuid4().hex[:8]}", f"pass-{uuid4().hex}"
    page = "/admin/auth/user/add/"
    answer = administrator.post(
        page, page, username=name, password1=password, password2=password, usable_password="true"
    )
    assert answer.status_code == 200
    assert "/change/" in answer.url, answer.text
    browser = Browser(stack.monitor_url)
    assert urlsplit(browser.sign_in(name, password).url).path == "/"
    yield browser
    key = answer.url.split("/admin/auth/user/")[1].split("/")[0]
    page = f"/admin/auth/user/{key}/delete/"
    assert administrator.post(page, page, post="yes").status_code == 200


def plain(stack: TestbedStack, path: str, method: str = "GET", **options: Any) -> requests.Response:
    """A request without cookies, and without what this machine knows of hosts and proxies."""
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, f"{stack.monitor_url}{path}", timeout=20, **options)


def with_key(stack: TestbedStack, method: str, path: str, key: str) -> requests.Response:
    body: Any = None if method == "GET" else {}
    return plain(stack, path, method, json=body, headers={"Authorization": f"Token {key}"})


def test_a_stranger_is_sent_to_the_sign_in(stranger: Browser) -> None:
    for path in ("/account/", "/account/tokens/", "/accounts/password/"):
        answer = stranger.get(path, allow_redirects=False)
        assert answer.status_code == 302
        assert answer.headers["Location"] == f"/accounts/login/?next={path}"
    page = stranger.get("/account/")
    assert page.status_code == 200
    assert 'name="password"' in page.text


def test_a_wrong_password_does_not_sign_in(stranger: Browser) -> None:
    answer = stranger.sign_in("admin", "wrong")
    assert urlsplit(answer.url).path == "/accounts/login/"
    assert 'role="alert"' in answer.text
    assert urlsplit(stranger.get("/account/").url).path == "/accounts/login/"


def test_a_form_without_its_csrf_token_is_refused(
    stranger: Browser, administrator: Browser
) -> None:
    fields = {"username": "admin", "password": "x"}
    assert stranger.send("/accounts/login/", fields).status_code == 403
    fields = {"name": "forged", "role": "viewer"}
    assert administrator.send("/account/tokens/", fields).status_code == 403
    assert ">forged<" not in administrator.get("/account/").text


def test_sign_in_goes_to_pages_of_the_monitor_only(stack: TestbedStack, stranger: Browser) -> None:
    page = "/accounts/login/?next=//elsewhere.example/"
    answer = stranger.post(
        "/accounts/login/",
        page,
        username="admin",
        password=stack.session.project.secret("admin_password"),
        next="//elsewhere.example/",
    )
    assert answer.url == f"{stack.monitor_url}/"


def test_a_viewers_token_reads_until_it_is_revoked(
    stack: TestbedStack, administrator: Browser
) -> None:
    name = f"token-{uuid4().hex[:8]}"
    made = issue(administrator, name=name, role="viewer")
    assert made.status_code == 200
    key = key_on(made.text)
    assert with_key(stack, "GET", "/api/runs/", key).status_code == 200
    assert with_key(stack, "GET", "/metrics", key).status_code == 200
    assert with_key(stack, "POST", "/api/runs/", key).status_code == 403
    heartbeat = "/api/systemagents/heartbeat/"
    assert with_key(stack, "POST", heartbeat, key).status_code == 403

    later = administrator.get("/account/").text
    assert key not in later, "the key is shown a second time"
    row = row_of(later, name)
    assert "viewer" in row
    assert key[:6] in row

    address = re.search(r'action="(/account/tokens/\d+/revoke/)"', row)
    assert address is not None
    revoked = administrator.post(address[1], "/account/")
    assert (revoked.status_code, urlsplit(revoked.url).path) == (200, "/account/")
    assert f">{name}<" not in revoked.text
    assert with_key(stack, "GET", "/api/runs/", key).status_code == 401
    eventually(
        lambda: with_key(stack, "POST", heartbeat, key).status_code == 401,
        "a revoked key opens nothing any more",
        within=6,
    )
    stream = with_key(stack, "GET", "/api/messages/stream/", key)
    assert stream.status_code == 401


def test_a_token_opens_nothing_that_its_user_may_not_any_more(
    stack: TestbedStack, sql: Sql
) -> None:
    name = f"demoted-{uuid4().hex[:8]}"
    for role in ("operator", "administrator"):
        key = stack.command("token", "--role", role, "--user", name).stdout.strip()
        assert with_key(stack, "GET", "/api/runs/", key).status_code == 200
    account = f"(SELECT id FROM auth_user WHERE username = '{name}')"
    assert sql(f"UPDATE auth_user SET is_superuser = false WHERE username = '{name}'")[0]
    assert with_key(stack, "GET", "/api/runs/", key).status_code == 200, "as an operator"
    assert with_key(stack, "DELETE", "/api/runs/1/", key).status_code == 403
    assert sql(f"DELETE FROM auth_user_groups WHERE user_id = {account}")[0]
    refused = with_key(stack, "GET", "/api/runs/", key)
    assert refused.status_code == 401
    assert "does not have its role, administrator" in refused.json()["detail"]


def test_a_token_expires(stack: TestbedStack, administrator: Browser) -> None:
    made = issue(administrator, name="short", role="viewer", days="0.01")
    key = key_on(made.text)
    assert with_key(stack, "GET", "/api/runs/", key).status_code == 200
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", row_of(made.text, "short"))


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": "x", "role": "emperor"}, "role"),
        ({"name": "x"}, "role"),
        ({"role": "viewer"}, "name"),
        ({"name": "x" * 101, "role": "viewer"}, "name"),
        ({"name": "x", "role": "viewer", "days": "0"}, "days"),
        ({"name": "x", "role": "viewer", "days": "-1"}, "days"),
        ({"name": "x", "role": "viewer", "days": "nan"}, "days"),
        ({"name": "x", "role": "viewer", "days": "1e300"}, "days"),
        ({"name": "x\0", "role": "viewer"}, "name"),
    ],
)
def test_a_form_that_makes_no_token_shows_what_is_wrong(
    administrator: Browser, fields: dict[str, str], named: str
) -> None:
    answer = issue(administrator, **fields)
    assert answer.status_code == 400
    assert 'class="key"' not in answer.text
    (shown,) = re.findall(r'<p class="field">(?:(?!</p>).)*role="alert".*?</p>', answer.text, re.S)
    assert f'name="{named}"' in shown


@pytest.mark.parametrize("role", ["viewer", "agent", "operator", "administrator"])
def test_who_has_no_role_can_make_no_token_of_it(person: Browser, role: str) -> None:
    page = person.get("/account/").text
    assert "/account/tokens/" not in page
    answer = person.post("/account/tokens/", "/accounts/password/", name="mine", role=role)
    assert answer.status_code == 400
    assert 'class="key"' not in answer.text
    assert "You have no token" in person.get("/account/").text


def test_nobody_revokes_the_token_of_somebody_else(
    stack: TestbedStack, administrator: Browser, person: Browser
) -> None:
    name = f"token-{uuid4().hex[:8]}"
    made = issue(administrator, name=name, role="viewer")
    address = re.search(r'action="(/account/tokens/\d+/revoke/)"', row_of(made.text, name))
    assert address is not None
    assert person.post(address[1], "/account/").status_code == 404
    key = key_on(made.text)
    assert with_key(stack, "GET", "/api/runs/", key).status_code == 200


def test_who_has_no_role_reads_nothing(person: Browser) -> None:
    for path in ("/api/runs/", "/api/messages/stream/"):
        assert person.get(path).status_code == 403, path
    assert person.get("/metrics").status_code in (401, 403)
    refused = person.get("/admin/")
    assert (refused.status_code, "needs a role" in refused.text) == (403, True)


def test_who_signs_out_is_a_stranger_again(person: Browser) -> None:
    answer = person.post("/accounts/logout/", "/account/")
    assert urlsplit(answer.url).path == "/accounts/login/"
    assert urlsplit(person.get("/account/").url).path == "/accounts/login/"


@pytest.fixture(scope="module")
def viewing(stack: TestbedStack) -> Browser:
    """A browser in which a viewer has signed in."""
    return signed_in(stack, "viewer")


def test_every_table_is_a_readers_and_tokens_are_an_administrators(
    administrator: Browser, viewing: Browser, stranger: Browser
) -> None:
    for browser, own in ((administrator, {"apitoken"}), (viewing, set[str]())):
        page = browser.get("/admin/")
        assert page.status_code == 200
        tables = set(re.findall(r'href="/admin/records/(\w+)/"', page.text))
        assert tables == {*RECORDS, *own}
    assert 'href="/admin/auth/' not in page.text
    for path in ("/admin/records/apitoken/", "/admin/auth/user/", "/admin/auth/user/1/change/"):
        assert viewing.get(path).status_code == 403, path
    path = "/admin/records/run/?run_number=7"
    sign_in = stranger.get(path)
    assert unquote(sign_in.url).endswith(f"/accounts/login/?next={path}")


@pytest.mark.parametrize("model", RECORDS)
def test_every_table_is_seen_searched_and_downloaded_and_nobody_changes_it(
    administrator: Browser, viewing: Browser, model: str
) -> None:
    table = f"/admin/records/{model}/"
    for query in ("", "?q=x", "?q=7", "?q=a+b", "?p=2"):
        answer = viewing.get(f"{table}{query}")
        assert answer.status_code == 200, f"{model} {query}"
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    page = viewing.get(table).text
    assert "delete_selected" not in page
    first = re.search(rf'href="({table}[^/"]+/)change/', page)
    for browser in (administrator, viewing):
        for address in (f"{table}add/", *([f"{unescape(first[1])}delete/"] if first else ())):
            assert browser.get(address).status_code == 403, address
            assert browser.post(address, "/account/", post="yes").status_code == 403, address
        if first is not None:
            address = f"{unescape(first[1])}change/"
            shown = browser.get(address)
            assert shown.status_code == 200
            assert 'name="_save"' not in shown.text
            assert browser.post(address, "/account/", _save="Save").status_code == 403
    if first is not None:
        (key, *_) = re.findall(r'name="_selected_action" value="([^"]+)"', page)
        chosen = {"action": "download_csv", "_selected_action": unescape(key)}
        file = viewing.post(table, table, **chosen)
        assert file.headers["Content-Type"].startswith("text/csv"), file.text
        assert len(list(csv.reader(io.StringIO(file.text)))) == 2


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("run_number=x", 200),  # Django's own answer: the whole table, and a warning
        ("status__regex=(", 400),
        ("tf_filename=%00", 400),
        ("no_such_field=1", 200),
    ],
)
def test_an_odd_filter_of_a_table_breaks_nothing(viewing: Browser, query: str, status: int) -> None:
    assert viewing.get(f"/admin/records/tfslice/?{query}").status_code == status
    assert viewing.get("/admin/records/worker/%00/change/").status_code == 404


def test_metrics_need_a_token(stack: TestbedStack) -> None:
    answer = plain(stack, "/metrics")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Token"
    assert "testbed_" not in answer.text
    assert with_key(stack, "GET", "/metrics", "wrong").status_code == 401


def metrics(stack: TestbedStack, key: str) -> dict[str, float]:
    answer = with_key(stack, "GET", "/metrics", key)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = (line for line in answer.text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_metrics_tell_of_recorder_agents_executions_and_dead_letters(stack: TestbedStack) -> None:
    found = metrics(stack, stack.session.project.secret("token_viewer"))
    for name in (
        "testbed_recorder_messages_recorded_total",
        "testbed_recorder_duplicates_total",
        "testbed_recorder_foreign_messages_total",
        "testbed_recorder_malformed_total",
        "testbed_recorder_rate",
        "testbed_recorder_lag_seconds",
        "testbed_recorder_updated_timestamp_seconds",
        "testbed_dead_letters",
        "testbed_stream_clients",
        'testbed_executions{status="running"}',
        'testbed_agents{operational_state="READY"}',
    ):
        assert found[name] >= 0, name
    assert found['testbed_agents{operational_state="READY"}'] >= 1
    heartbeats = [
        value
        for name, value in found.items()
        if name.startswith("testbed_http_requests_total") and "systemagents/heartbeat" in name
    ]
    assert sum(heartbeats) > 0, "requests are counted by their route"


def test_what_strangers_ask_for_makes_no_new_metrics(
    stack: TestbedStack, stranger: Browser
) -> None:
    key = stack.session.project.secret("token_viewer")

    def ask() -> set[str]:
        stranger.get(f"/no-such-page-{uuid4().hex}")
        stranger.get(f"/api/runs/{uuid4().int % 10**9}/")
        names = metrics(stack, key)
        assert not [name for name in names if "no-such-page" in name]
        return {name for name in names if 'route="/api/runs' in name or 'route="none"' in name}

    known = ask()
    assert known
    assert ask() == ask() == known


OUTSIDE = re.compile(r"""(?:src|href|url)\s*[=(:]\s*["']?((?:https?:)?//[^"'\s)>]+)""")


@pytest.mark.parametrize("page", ["swagger-ui", "redoc"])
def test_the_rest_pages_open_for_a_viewer_and_name_no_outside_host(
    stack: TestbedStack, nobody: Api, page: str
) -> None:
    path = f"/api/schema/{page}/"
    key = stack.session.project.secret("token_viewer")
    answer = with_key(stack, "GET", path, key)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    outside = [url for url in OUTSIDE.findall(answer.text) if not url.startswith(stack.monitor_url)]
    assert outside == []
    assert nobody.request("GET", f"schema/{page}/").status_code == 401
    own = re.findall(r'(?:src|href)="(/static/[^"]+)"', answer.text)
    assert own
    for address in own:
        assert plain(stack, address).status_code == 200, address


def test_the_schema_names_every_record(viewer: Api) -> None:
    schema = viewer.request("GET", "schema/", headers={"Accept": "application/json"})
    assert schema.status_code == 200
    for path in ("/api/runs/", "/api/tf-slices/", "/api/systemagents/heartbeat/"):
        assert path in schema.text


def test_the_admin_does_not_undo_a_sign_in(
    administrator: Browser, stranger: Browser, sql: Sql
) -> None:
    name, password = f"person-{uuid4().hex[:8]}", f"pass-{uuid4().hex}"
    page = "/admin/auth/user/add/"
    new = {"username": name, "password1": password, "password2": password}
    page = urlsplit(administrator.post(page, page, usable_password="true", **new).url).path
    fields = fields_of(administrator.get(page).text, "user_form")
    assert urlsplit(stranger.sign_in(name, password).url).path == "/"
    look = f"SELECT last_login, first_name FROM auth_user WHERE username = '{name}'"
    before = sql(look)[1].strip()
    administrator.send(page, {**fields, "first_name": "Jane"})
    assert sql(look)[1].strip() == f"{before}Jane"
