"""The admin's site: for everybody who may read, with the sign-in of the pages."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from monitor.pages.access import may_read, turned_away


class ReadersSite(AdminSite):
    """Records are shown to everybody who may read; accounts and tokens to administrators, as
    Django's permissions say.
    """

    site_header = site_title = "Every record"
    index_title = "Tables"

    def has_permission(self, request: HttpRequest) -> bool:
        return may_read(request.user)

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Lead to the pages' sign-in: wrong passwords are counted there."""
        wanted = request.GET.get("next") or reverse("admin:index")
        if self.has_permission(request):
            return redirect("admin:index")
        return turned_away(request, "Reading these records needs a role", wanted)
