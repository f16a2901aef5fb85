"""Log records of agents and of the monitor."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Upper

LEVELS = {"CRITICAL": 50, "ERROR": 40, "WARNING": 30, "INFO": 20, "DEBUG": 10, "NOTSET": 0}
CONTEXT_LENGTHS = {"namespace": 100, "execution_id": 100, "run_id": 50}
"""Columns that say what an agent was working on, and how long each may be."""


class AppLog(models.Model):
    """A log record, with what the agent was working on."""

    app_name = models.CharField(max_length=100)
    instance_name = models.CharField(max_length=100)
    timestamp = models.DateTimeField()
    level = models.IntegerField(
        choices=[(number, name) for name, number in LEVELS.items()], default=0
    )
    levelname = models.CharField(max_length=50)
    message = models.TextField()
    module = models.CharField(max_length=255)
    funcname = models.CharField(max_length=255)
    lineno = models.IntegerField()
    process = models.IntegerField()
    thread = models.BigIntegerField()
    extra_data = models.JSONField(null=True, blank=True)
    namespace = models.CharField(max_length=100, null=True, blank=True)
    execution_id = models.CharField(max_length=100, null=True, blank=True)
    run_id = models.CharField(max_length=50, null=True, blank=True)

    class Meta:
        db_table = "swf_applog"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["timestamp"]),
            models.Index(fields=["instance_name", "id"]),
            models.Index(fields=["app_name", "instance_name"]),
            models.Index(fields=["app_name", "id"]),
            models.Index(fields=["level", "id"]),
            models.Index(fields=["levelname", "id"]),
            models.Index(fields=["namespace", "id"]),
            models.Index(fields=["execution_id", "id"]),
            models.Index(fields=["run_id", "id"]),
            # a text anywhere in the message, in whatever case
            GinIndex(OpClass(Upper("message"), name="gin_trgm_ops"), name="applog_message_text"),
            # the refusals of a message, by the broker's id of it
            models.Index(
                KeyTextTransform("broker_message_id", KeyTransform("refused", "extra_data")),
                condition=Q(extra_data__has_key="refused"),
                name="applog_refused",
            ),
        ]
