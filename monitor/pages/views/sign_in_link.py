"""Signing in by a one-time link, as `testbed open` makes it (decision 0019)."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from monitor.access.sign_in_links import DeadLink, read_key

TEMPLATE = "pages/sign_in_link.html"
FIRST_PAGE = "/"
GONE = 410


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest, key: str) -> HttpResponse:
    """A page with a button, and what the button does: whatever only looks at a link, such as a
    chat's preview, does not use it up.
    """
    try:
        link = read_key(key)
        if request.method != "POST":
            return render(request, TEMPLATE, {"person": link.user.get_username()})
        login(request, link.use(), backend=settings.PASSWORD_BACKEND)
    except DeadLink as error:
        return render(request, TEMPLATE, {"reason": str(error)}, status=GONE)
    return redirect(FIRST_PAGE)
