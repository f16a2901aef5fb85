"""Runs, their state, and the STF files that they produce."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models.functions import Now

from monitor.records.models.choices import choices_of, one_of
from swf_common.protocol.states import FileStatus


class Run(models.Model):
    """A run of the DAQ; active while it has no end time."""

    run_id = models.AutoField(primary_key=True)
    run_number = models.BigIntegerField(unique=True)
    start_time = models.DateTimeField()
    end_time = models.DateTimeField(null=True, blank=True)
    run_conditions = models.JSONField(null=True, blank=True)
    recorded_at = models.DateTimeField(auto_now_add=True, db_default=Now(), editable=False)

    class Meta:
        db_table = "swf_runs"
        ordering = ["run_id"]
        indexes = [models.Index(fields=["start_time"])]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(run_number__gte=0), name="run_number_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"run {self.run_number}"


class RunState(models.Model):
    """Where a run is. The recorder drives its state from the lifecycle messages; the counts of
    slices, samples and workers follow their rows by triggers (migration 0003).
    """

    COUNTS = (
        "active_worker_count",
        "stf_samples_received",
        "slices_created",
        "slices_queued",
        "slices_processing",
        "slices_completed",
        "slices_failed",
    )

    run_number = models.BigIntegerField(primary_key=True)
    phase = models.CharField(max_length=20)
    state = models.CharField(max_length=20)
    substate = models.CharField(max_length=20, null=True, blank=True)
    target_worker_count = models.PositiveIntegerField(default=0)
    active_worker_count = models.PositiveIntegerField(default=0)
    stf_samples_received = models.PositiveIntegerField(default=0)
    slices_created = models.PositiveIntegerField(default=0)
    slices_queued = models.PositiveIntegerField(default=0)
    slices_processing = models.PositiveIntegerField(default=0)
    slices_completed = models.PositiveIntegerField(default=0)
    slices_failed = models.PositiveIntegerField(default=0)
    state_changed_at = models.DateTimeField()
    updated_at = models.DateTimeField(auto_now=True)
    metadata = models.JSONField(null=True, blank=True)
    recorded_at = models.DateTimeField(auto_now_add=True, db_default=Now(), editable=False)

    class Meta:
        db_table = "swf_run_state"
        ordering = ["run_number"]


class StfFile(models.Model):
    """A super time frame's file."""

    file_id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="stf_files")
    stf_filename = models.CharField(max_length=255, unique=True)
    machine_state = models.CharField(max_length=64, default="physics")
    file_size_bytes = models.BigIntegerField(null=True, blank=True)
    checksum = models.CharField(max_length=128, null=True, blank=True)
    tf_count = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    status = models.CharField(
        max_length=20, choices=choices_of(FileStatus), default=FileStatus.REGISTERED.value
    )
    metadata = models.JSONField(null=True, blank=True)
    workflow_id = models.UUIDField(null=True, blank=True)
    daq_state = models.CharField(max_length=20, null=True, blank=True)
    daq_substate = models.CharField(max_length=20, null=True, blank=True)
    workflow_status = models.CharField(max_length=30, null=True, blank=True)

    class Meta:
        db_table = "swf_stf_files"
        ordering = ["created_at", "stf_filename"]
        indexes = [
            models.Index(fields=["run", "status"]),
            models.Index(fields=["status", "created_at"]),
            models.Index(fields=["created_at"]),
            models.Index(fields=["workflow_id"]),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(file_size_bytes__gte=0), name="stf_file_size_not_negative"
            ),
            one_of("status", FileStatus, "stf_file_status"),
        ]

    def __str__(self) -> str:
        return self.stf_filename
