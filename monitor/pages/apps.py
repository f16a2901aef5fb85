"""The application that holds the monitor's pages, and the admin as readers see it."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin import apps


class PagesConfig(AppConfig):
    """Templates, static files and the admin's registrations."""

    name = "monitor.pages"
    label = "pages"


class ReadersAdminConfig(apps.AdminConfig):
    """The admin, which everybody may look at who may read."""

    default = False
    default_site = "monitor.pages.admin_site.ReadersSite"
