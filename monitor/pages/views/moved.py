"""Old addresses of what the admin shows."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from monitor.pages.access import readers
from monitor.pages.links import recorded, table
from monitor.pages.lists.listing import OWN_PARAMETERS
from monitor.pages.views.record_page import demand_storable

MODELS = {
    "namespaces": "namespace",
    "subscribers": "subscriber",
    "workers": "worker",
    "state-events": "systemstateevent",
    "tf-samples": "fastmonfile",
    "tf-slices": "tfslice",
}
CREATED = {"since": "created_at__gte", "until": "created_at__lte"}
RENAMED = {
    "state-events": {"since": "timestamp__gte", "until": "timestamp__lte"},
    "tf-samples": {**CREATED, "stf_filename": "stf_file__stf_filename"},
    "tf-slices": CREATED,
}
"""Filters that the admin knows by another name."""
FLAGS = {"true": "1", "false": "0"}


@readers
def list_of(request: HttpRequest, old: str) -> HttpResponse:
    """The table that has taken the place of a list, with its filters."""
    names = RENAMED.get(old, {})
    given = {
        names.get(name, name): FLAGS.get(str(text), text)
        for name, text in request.GET.items()
        if text and name not in OWN_PARAMETERS
    }
    return redirect(table(MODELS[old], **given), permanent=True)


@readers
def record(request: HttpRequest, old: str, key: str) -> HttpResponse:
    """A record in that table."""
    return redirect(str(recorded(MODELS[old], demand_storable(key))), permanent=True)
