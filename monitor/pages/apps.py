"""The application that holds the monitor's pages."""

from django.apps import AppConfig


class PagesConfig(AppConfig):
    """Templates, static files and the admin's registrations."""

    name = "monitor.pages"
    label = "pages"
