"""`testbed open`: a link that signs its maker in, once."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

import requests

from testbed.project import user_name
from tests.rest import Api
from tests.waiting import eventually

if TYPE_CHECKING:
    from testbed.integration import TestbedStack


def link_of(stack: TestbedStack, *options: str) -> str:
    done = stack.command("open", *options)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def browser() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    return session


def press(session: requests.Session, link: str) -> requests.Response:
    """Look at the link's page and press its button."""
    page = session.get(link, timeout=20)
    hidden = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert hidden is not None, page.text
    return session.post(
        link,
        data={"csrfmiddlewaretoken": hidden[1]},
        headers={"Referer": link},
        allow_redirects=False,
        timeout=20,
    )


def test_a_link_signs_in_once_and_is_not_used_up_by_looking_at_it(stack: TestbedStack) -> None:
    link = link_of(stack)
    assert link.startswith(f"{stack.monitor_url}/accounts/link/")
    for look in ("GET", "HEAD", "GET"):
        assert browser().request(look, link, timeout=20).status_code == 200
    mine, late = browser(), browser()
    answer = press(mine, link)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    account = mine.get(f"{stack.monitor_url}/account/", timeout=20)
    assert (urlsplit(account.url).path, "operator" in account.text) == ("/account/", True)
    used = late.get(link, timeout=20)
    assert used.status_code == 410
    assert "used already" in used.text
    assert f"testbed open --namespace {stack.namespace}" in used.text
    assert late.post(link, timeout=20).status_code in (403, 410)
    assert "/accounts/login/" in late.get(f"{stack.monitor_url}/account/", timeout=20).url


def test_a_link_is_for_whom_and_what_was_asked_for(stack: TestbedStack) -> None:
    session = browser()
    person = f"jane-{uuid4().hex[:8]}"
    link = link_of(stack, "--user", person, "--role", "viewer")
    page = session.get(link, timeout=20).text
    assert f"Sign in as {person}" in page
    assert user_name() not in page
    press(session, link)
    account = session.get(f"{stack.monitor_url}/account/", timeout=20).text
    assert "viewer" in account
    assert "operator" not in account
    wrong = stack.command("open", "--user", "no such;name")
    assert (wrong.returncode, "no user name" in wrong.stderr) == (2, True)


def test_a_key_that_is_refused_stands_in_no_log(stack: TestbedStack, viewer: Api) -> None:
    link = link_of(stack)
    key = link.rstrip("/").rsplit("/", 1)[1]
    refused = requests.post(link, timeout=20)
    assert refused.status_code == 403
    rows = eventually(
        lambda: viewer.get("logs/", app_name="swf-monitor", search="/accounts/link/"),
        "the refusal is logged",
    )
    assert "Forbidden" in rows[0]["message"]
    assert key not in json.dumps(rows)
    shown = subprocess.run(
        ["docker", "logs", stack.container_id("monitor")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "/accounts/link/<key>" in shown.stdout + shown.stderr
    assert key not in shown.stdout + shown.stderr
