"""Agents and the namespaces that keep testbeds apart."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models

from monitor.records.models.choices import choices_of
from testbed.protocol.identifiers import CONTAINER_ID_PATTERN
from testbed.protocol.states import AgentStatus, OperationalState


class Namespace(models.Model):
    """A namespace that somebody has announced."""

    name = models.CharField(max_length=100, primary_key=True)
    owner = models.CharField(max_length=100)
    description = models.TextField(blank=True, default="")
    metadata = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "swf_namespace"
        ordering = ["name"]


class SystemAgent(models.Model):
    """An instance of an agent, as its heartbeats describe it."""

    instance_name = models.CharField(max_length=100, unique=True)
    agent_type = models.CharField(max_length=100, default="other")
    program = models.CharField(max_length=100, null=True, blank=True)
    namespace = models.CharField(max_length=100, null=True, blank=True)
    container_id = models.CharField(
        max_length=64, null=True, blank=True, validators=[RegexValidator(CONTAINER_ID_PATTERN)]
    )
    hostname = models.CharField(max_length=100, null=True, blank=True)
    description = models.TextField(blank=True, default="")
    status = models.CharField(
        max_length=10, choices=choices_of(AgentStatus), default=AgentStatus.UNKNOWN.value
    )
    operational_state = models.CharField(
        max_length=20,
        choices=choices_of(OperationalState),
        default=OperationalState.STARTING.value,
    )
    mq_connected = models.BooleanField(null=True, blank=True)
    last_heartbeat = models.DateTimeField(null=True, blank=True)
    heartbeat_interval = models.FloatField(null=True, blank=True, help_text="seconds")
    agent_url = models.URLField(null=True, blank=True)
    workflow_enabled = models.BooleanField(default=True)
    current_stf_count = models.PositiveIntegerField(default=0)
    total_stf_processed = models.PositiveIntegerField(default=0)
    last_stf_processed = models.DateTimeField(null=True, blank=True)
    metadata = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "swf_systemagent"
        ordering = ["id"]
        indexes = [
            models.Index(fields=["namespace", "operational_state"]),
            models.Index(fields=["program"]),
            models.Index(fields=["container_id"]),
            models.Index(fields=["last_heartbeat"]),
        ]
