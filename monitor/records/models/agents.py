"""Agents and the namespaces that keep testbeds apart."""

from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex
from django.core.validators import RegexValidator
from django.db import models

from monitor.records.models.choices import choices_of, one_of
from swf_common.protocol.identifiers import CONTAINER_ID_PATTERN
from swf_common.protocol.states import AgentStatus, OperationalState


class Namespace(models.Model):
    """A namespace that somebody has announced."""

    name = models.CharField(max_length=100, primary_key=True)
    owner = models.CharField(max_length=100)
    description = models.TextField(max_length=10_000, blank=True, default="")
    metadata = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "swf_namespace"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


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
    description = models.TextField(max_length=10_000, blank=True, default="")
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
            models.Index(fields=["agent_type"]),
            # none on last_heartbeat: each heartbeat would have to write it
        ]
        constraints = [
            one_of("status", AgentStatus, "agent_status"),
            one_of("operational_state", OperationalState, "agent_operational_state"),
            models.CheckConstraint(
                condition=models.Q(heartbeat_interval__gt=0), name="agent_heartbeat_interval"
            ),
        ]


class AgentStateChange(models.Model):
    """An agent's state or status has changed. Written by a trigger (migration 0003), whoever
    changes the agent's row; `id` grows in the order of the commits.
    """

    agent = models.ForeignKey(SystemAgent, on_delete=models.CASCADE, related_name="state_changes")
    instance_name = models.CharField(max_length=100)
    program = models.CharField(max_length=100, null=True, blank=True)
    namespace = models.CharField(max_length=100, null=True, blank=True)
    execution_id = models.CharField(max_length=100, null=True, blank=True)
    run_id = models.CharField(max_length=50, null=True, blank=True)
    operational_state = models.CharField(max_length=20)
    status = models.CharField(max_length=10)
    description = models.TextField(blank=True, default="")
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "swf_agent_state_changes"
        ordering = ["id"]
        indexes = [
            models.Index(fields=["instance_name", "id"]),
            models.Index(fields=["namespace", "changed_at"]),
            models.Index(fields=["instance_name", "changed_at"]),
            BrinIndex(fields=["changed_at"], autosummarize=True, name="agent_changed_at"),
        ]
