"""Django behind the event loop: one thread for a request, and the same few for many."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.signals import request_finished
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

from monitor.live.django_threads import ThreadedDjango
from tests.unit.monitor.asking import Asked

SEEN: list[str] = []


class NotingMiddleware:
    def __init__(self, get_response: Any) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        SEEN.append(threading.current_thread().name)
        return self._get_response(request)


class Emptied(HttpResponse):
    """An answer that lets its content go when it is closed."""

    def close(self) -> None:
        super().close()
        self.content = b""


def view(request: HttpRequest) -> HttpResponse:
    SEEN.append(threading.current_thread().name)
    return Emptied(request.body[::-1])


def broken(request: HttpRequest) -> HttpResponse:
    raise ValueError("a defect")


def handler500(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"failed", status=500)


urlpatterns = [path("reversed", view), path("broken", broken)]


@pytest.fixture
def application() -> Iterator[ThreadedDjango]:
    SEEN.clear()
    noting = f"{__name__}.NotingMiddleware"
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[noting, noting]):
        yield ThreadedDjango(threads=2)


def asked(application: ThreadedDjango, path: str = "/reversed", body: bytes = b"abc") -> Asked:
    sent = ({"type": "http.request", "body": body, "more_body": False},)
    return Asked(application, path, "POST", incoming=sent)


def body_of(done: Asked) -> bytes:
    return b"".join(message.get("body", b"") for message in done.sent)


def test_the_middleware_and_the_view_of_a_request_share_a_thread(
    application: ThreadedDjango,
) -> None:
    done = asked(application).now()
    assert (done.status, body_of(done)) == (200, b"cba")
    assert len(SEEN) == 3
    assert len(set(SEEN)) == 1
    assert SEEN[0] != threading.current_thread().name


def test_many_requests_at_once_need_no_more_threads_than_there_are(
    application: ThreadedDjango,
) -> None:
    async def ask() -> list[Asked]:
        return await asyncio.gather(
            *(asked(application, body=str(number).encode()).run() for number in range(10, 60))
        )

    answers = [body_of(done) for done in asyncio.run(ask())]
    assert answers == [str(number)[::-1].encode() for number in range(10, 60)]
    assert len(set(SEEN)) <= 2


def test_an_answer_is_closed_once_it_is_sent(application: ThreadedDjango) -> None:
    finished: list[bytes] = []

    def note(**_: Any) -> None:
        finished.append(body_of(waiting))

    waiting = asked(application)
    request_finished.connect(note)
    try:
        waiting.now()
    finally:
        request_finished.disconnect(note)
    assert finished == [b"cba"]


def test_a_view_that_fails_is_answered(application: ThreadedDjango) -> None:
    done = asked(application, "/broken").now()
    assert (done.status, body_of(done)) == (500, b"failed")


def test_a_client_that_leaves_before_its_body_has_come_gets_no_answer(
    application: ThreadedDjango,
) -> None:
    gone = Asked(application, "/reversed", "POST", incoming=({"type": "http.disconnect"},)).now()
    assert gone.sent == []
    assert SEEN == []
