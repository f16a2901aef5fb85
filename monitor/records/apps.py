"""The application that holds the monitor's models."""

from django.apps import AppConfig


class RecordsConfig(AppConfig):
    """Table names start with `swf_`, as the predecessor's."""

    name = "monitor.records"
    label = "records"
