"""Signing in by a password that was wrong too often."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def locked_out(request: HttpRequest, *_: Any) -> HttpResponse:
    """The answer after too many wrong passwords: when to come back."""
    seconds = int(settings.AXES_COOLOFF_TIME.total_seconds())
    context = {
        "form": AuthenticationForm(request),
        "problem": f"There were {settings.AXES_FAILURE_LIMIT} wrong passwords for this account. "
        f"Try again in {seconds // 60} minutes, or sign in by a link of `testbed open`.",
    }
    answer = render(request, "registration/login.html", context, status=429)
    answer.headers["Retry-After"] = str(seconds)
    return answer
