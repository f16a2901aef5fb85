"""Sign-in keys in logs: hidden wherever a path is logged, and nothing else with them."""

from __future__ import annotations

import logging
import logging.config
from io import StringIO
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings
from django.core import signing
from uvicorn.logging import AccessFormatter

from monitor.access.own_logs import DatabaseLogHandler
from monitor.access.redaction import HIDDEN, redact_server_logs, redacted
from monitor.access.sign_in_links import SALT

KEY = signing.dumps([1, "2026-01-05T12:00:00.123456+00:00"], salt=SALT)


@pytest.mark.parametrize("key", [KEY, quote(KEY, safe=""), "anything-else", f"{KEY}x", KEY[:20]])
def test_what_follows_the_address_of_a_link_is_hidden(key: str) -> None:
    text = f"Forbidden (CSRF cookie not set.): /accounts/link/{key}/"
    assert redacted(text) == f"Forbidden (CSRF cookie not set.): /accounts/link/{HIDDEN}/"


@pytest.mark.parametrize("key", [KEY, quote(KEY, safe=""), quote(quote(KEY, safe=""))])
@pytest.mark.parametrize(
    "text",
    ["/accounts/links/{}", "//accounts//link//{}/", "?next=%2Faccounts%2Flink%2F{}%2F", "key={}."],
)
def test_a_key_is_hidden_wherever_it_stands(text: str, key: str) -> None:
    assert HIDDEN in redacted(text.format(key))
    assert KEY[:20] not in redacted(text.format(key))
    assert KEY.rsplit(":", 1)[1] not in redacted(text.format(key))


@pytest.mark.parametrize(
    "text",
    [
        "POST /accounts/login/ 200",
        "12:30:45 run 100010: swf.100010.000001.stf",
        "container 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef: running",
        "2026-01-05T12:00:00+00:00 a:b:c",
        '172.18.0.1:51234 - "GET /accounts/ HTTP/1.1" 200',
    ],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert redacted(text) == text


def logged(name: str, message: str, *arguments: object) -> str:
    """What the console shows of a record, with the monitor's own configuration."""
    shown = StringIO()
    configured: Any = settings.LOGGING
    handlers = {"console": {**configured["handlers"]["console"], "stream": shown}}
    before = logging.getLogger().handlers[:], logging.getLogger().level
    logging.config.dictConfig({**configured, "handlers": handlers})
    try:
        logging.getLogger(name).warning(message, *arguments)
    finally:
        logging.getLogger().handlers[:], level = before
        logging.getLogger().setLevel(level)
        logging.getLogger("django.request").setLevel(logging.NOTSET)
    return shown.getvalue()


@pytest.mark.parametrize(
    ("name", "message", "arguments"),
    [
        ("django.security.csrf", "Forbidden (%s): %s", ("no cookie", "{}")),
        ("monitor.access.failures", "%s %s: the database is away: %s", ("POST", "{}", "x")),
    ],
)
def test_no_logger_shows_a_key(name: str, message: str, arguments: tuple[object, ...]) -> None:
    path = f"/accounts/link/{KEY}/"
    filled = [path if argument == "{}" else argument for argument in arguments]
    shown = logged(name, message, *filled)
    assert f"/accounts/link/{HIDDEN}/" in shown
    assert KEY not in shown


def test_neither_do_the_records_that_viewers_read() -> None:
    try:
        raise RuntimeError(f"failed at /accounts/link/{KEY}/")
    except RuntimeError as error:
        record = logging.LogRecord(
            "x",
            logging.ERROR,
            __file__,
            1,
            "%s",
            (f"/accounts/link/{KEY}/",),
            (type(error), error, error.__traceback__),
        )
    row = DatabaseLogHandler("monitor").row(record)
    assert "RuntimeError" in row["message"]
    assert KEY not in row["message"]


def test_neither_does_the_servers_access_log_which_is_off_unless_somebody_wants_it() -> None:
    shown, access = StringIO(), logging.getLogger("uvicorn.access")
    handler = logging.StreamHandler(shown)
    handler.setFormatter(AccessFormatter("%(client_addr)s %(request_line)s %(status_code)s", None))
    redact_server_logs()
    assert not access.handlers
    access.addHandler(handler)
    try:
        redact_server_logs()
        path = f"/accounts/link/{quote(KEY)}/?next=/"
        access.warning('%s - "%s %s HTTP/%s" %d', "1.2.3.4:5", "GET", path, "1.1", 200)
    finally:
        access.removeHandler(handler)
    assert shown.getvalue() == f"1.2.3.4:5 GET /accounts/link/{HIDDEN}/?next=/ HTTP/1.1 200 OK\n"


def test_the_settings_leave_the_servers_access_log_off() -> None:
    access = logging.getLogger("uvicorn.access")
    access.propagate = False
    try:
        logged("x", "y")
        assert not access.hasHandlers()
    finally:
        access.propagate = True
