"""Django behind the event loop: one thread of a pool answers a request from beginning to end.

Django's own ASGI handler starts a thread for each request, and passes the request to it and back
for each middleware. That took most of the processor time of a small request.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from asgiref.sync import sync_to_async
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.db import close_old_connections
from django.http import FileResponse, HttpRequest
from django.urls import set_script_prefix
from starlette.types import Scope


class ThreadedDjango(ASGIHandler):
    """Django's ASGI application, with the middleware and the view on one thread.

    A view runs to its end even if its client has gone, as on any threaded server.

    :param threads: requests that are answered at the same time; others wait
    """

    def __init__(self, threads: int) -> None:
        self.load_middleware(is_async=False)
        pool = ThreadPoolExecutor(threads, "request")
        self._answer_on_thread = sync_to_async(self._answer, thread_sensitive=False, executor=pool)

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request; none, if the client leaves before its body has come."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        answer: Any = None
        try:
            set_script_prefix(get_script_prefix(scope))
            request, answer = self.create_request(scope, body)
            if request is not None:
                answer = await self._answer_on_thread(scope, request)
            await self.send_response(answer, send)
        finally:
            if answer is not None:
                answer.close()
            body.close()

    def _answer(self, scope: Scope, request: HttpRequest) -> Any:
        signals.request_started.send(sender=self.__class__, scope=scope)
        answer: Any = self.get_response(request)
        answer._handler_class = self.__class__
        if isinstance(answer, FileResponse):
            answer.block_size = self.chunk_size
        close_old_connections()  # others need this one while the client reads
        return answer
