"""Who may see a page, and who may act on it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from monitor.access.roles import roles_of
from swf_common.protocol.states import Role

View = Callable[..., HttpResponse]


def may_read(user: Any) -> bool:
    """Whether a visitor sees the pages: with any role, or without when that is switched on."""
    return bool(settings.TESTBED_ANONYMOUS_READ or roles_of(user))


def may_act(user: Any) -> bool:
    """Whether a visitor may start, stop, kill, retry and discard."""
    return Role.OPERATOR in roles_of(user)


def readers(view: View) -> View:
    """A page for everyone who may read: others sign in first, or are told what they lack.

    A live part of a page is the page's own address, so this guards it too.
    """

    @wraps(view)
    @never_cache
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if may_read(request.user):
            return view(request, *args, **kwargs)
        return turned_away(request, "Reading these pages needs a role")

    return guarded


def operators(view: View) -> View:
    """A page that acts: only operators get to it."""

    @wraps(view)
    @never_cache
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if may_act(request.user):
            return view(request, *args, **kwargs)
        return turned_away(request, f"This needs the role {Role.OPERATOR}")

    return guarded


def turned_away(request: HttpRequest, need: str, wanted: str = "") -> HttpResponse:
    """The answer to a visitor who may not: what is lacking, or the sign-in.

    :param wanted: where to go after signing in; default: the address that was asked for
    """
    if request.user.is_authenticated:
        return render(request, "403.html", {"need": need}, status=403)
    if request.headers.get("HX-Request"):  # a part of a page cannot show the sign-in
        return HttpResponse("Sign in first.", status=401, content_type="text/plain")
    if request.method != "GET":
        return render(request, "403.html", {"need": need}, status=403)
    return redirect_to_login(wanted or request.get_full_path())
