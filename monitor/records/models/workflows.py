"""Workflow definitions and their executions."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from monitor.records.models.choices import choices_of, one_of
from swf_common.protocol.states import ExecutionStatus

FINAL_STATUSES = [status.value for status in ExecutionStatus if status.final]


class WorkflowDefinition(models.Model):
    """A workflow's source under a name and version; never changed once it is recorded."""

    workflow_name = models.CharField(max_length=200)
    version = models.CharField(max_length=50)
    workflow_type = models.CharField(max_length=100)
    definition = models.TextField()
    parameter_values = models.JSONField(default=dict, blank=True)
    created_by = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "swf_workflow_definitions"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["workflow_name", "version"], name="workflow_definition_once"
            )
        ]


class WorkflowExecution(models.Model):
    """One execution of a workflow; once it has ended it always has an end time."""

    execution_id = models.CharField(max_length=100, primary_key=True)
    workflow_definition = models.ForeignKey(
        WorkflowDefinition, on_delete=models.PROTECT, related_name="executions"
    )
    namespace = models.CharField(max_length=100, null=True, blank=True)
    parameter_values = models.JSONField()
    performance_metrics = models.JSONField(null=True, blank=True)
    status = models.CharField(
        max_length=50, choices=choices_of(ExecutionStatus), default=ExecutionStatus.PENDING.value
    )
    reason = models.TextField(max_length=10_000, blank=True, default="", help_text="why it ended")
    start_time = models.DateTimeField()
    end_time = models.DateTimeField(null=True, blank=True)
    executed_by = models.CharField(max_length=100)
    run_number = models.BigIntegerField(null=True, blank=True)
    runner_instance = models.CharField(max_length=100, blank=True, default="")
    container_id = models.CharField(max_length=64, null=True, blank=True)
    command_id = models.UUIDField(
        null=True, blank=True, unique=True, help_text="the command that asked for it"
    )
    recorded_at = models.DateTimeField(auto_now_add=True, db_default=Now(), editable=False)

    class Meta:
        db_table = "swf_workflow_executions"
        ordering = ["-start_time", "execution_id"]
        indexes = [
            models.Index(fields=["namespace", "status"]),
            models.Index(fields=["status"]),
            models.Index(fields=["executed_by"]),
            models.Index(fields=["-start_time"]),
            models.Index(fields=["run_number"]),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(status__in=FINAL_STATUSES) | Q(end_time__isnull=False),
                name="execution_that_ended_has_an_end_time",
            ),
            one_of("status", ExecutionStatus, "execution_status"),
        ]
