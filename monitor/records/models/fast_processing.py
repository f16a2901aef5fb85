"""The fast path: TF samples of STF files, the slices cut from them, workers, and state events.

A sample is a contiguous block of time frames of its STF, a slice one of its sample; `tf_first`
and `tf_last` (inclusive) count the time frames of the STF from 0. That each range lies inside its
parent's is held by triggers (migration 0003), as no check constraint looks at another table.
"""

from __future__ import annotations

import uuid

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from monitor.records.models.choices import choices_of, one_of
from monitor.records.models.runs import StfFile
from swf_common.protocol.states import FileStatus, SliceStatus


def ordered_range(name: str) -> models.CheckConstraint:
    """`tf_first` .. `tf_last` is a range, and holds at least `tf_count` time frames."""
    return models.CheckConstraint(
        condition=Q(tf_first__lte=F("tf_last")) & Q(tf_count__lte=F("tf_last") - F("tf_first") + 1),
        name=name,
    )


class FastMonFile(models.Model):
    """A TF sample: a file with some time frames of an STF."""

    tf_file_id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    stf_file = models.ForeignKey(StfFile, on_delete=models.CASCADE, related_name="tf_files")
    tf_filename = models.CharField(max_length=255, unique=True)
    tf_first = models.PositiveIntegerField(null=True, blank=True)
    tf_last = models.PositiveIntegerField(null=True, blank=True)
    tf_count = models.PositiveIntegerField(null=True, blank=True)
    file_size_bytes = models.BigIntegerField(null=True, blank=True)
    checksum = models.CharField(max_length=128, null=True, blank=True)
    status = models.CharField(
        max_length=20, choices=choices_of(FileStatus), default=FileStatus.REGISTERED.value
    )
    metadata = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "swf_fastmon_files"
        ordering = ["created_at", "tf_filename"]
        indexes = [
            models.Index(fields=["stf_file", "tf_first"]),
            models.Index(fields=["status", "created_at"]),
            models.Index(fields=["created_at"]),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(file_size_bytes__gte=0), name="fastmon_file_size_not_negative"
            ),
            ordered_range("fastmon_file_range"),
            one_of("status", FileStatus, "fastmon_file_status"),
        ]

    def __str__(self) -> str:
        return self.tf_filename


class TFSlice(models.Model):
    """A slice: time frames of one TF sample that one worker processes at once."""

    slice_id = models.PositiveIntegerField(help_text="serial within the TF sample")
    fastmon_file = models.ForeignKey(
        FastMonFile, on_delete=models.CASCADE, related_name="tf_slices", null=True, blank=True
    )
    tf_first = models.PositiveIntegerField()
    tf_last = models.PositiveIntegerField()
    tf_count = models.PositiveIntegerField()
    tf_filename = models.CharField(max_length=255)
    stf_filename = models.CharField(max_length=255)
    run_number = models.BigIntegerField()
    status = models.CharField(
        max_length=20, choices=choices_of(SliceStatus), default=SliceStatus.QUEUED.value
    )
    retries = models.PositiveIntegerField(default=0)
    metadata = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    assigned_worker = models.CharField(max_length=255, null=True, blank=True)
    assigned_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    counted = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text="whether its result is in its run's histograms; it never goes in again",
    )

    class Meta:
        db_table = "swf_tf_slices"
        ordering = ["id"]
        indexes = [
            models.Index(fields=["run_number", "status", "id"]),
            models.Index(fields=["stf_filename", "status"]),
            models.Index(fields=["status", "id"]),
            models.Index(fields=["assigned_worker", "id"]),
            models.Index(fields=["created_at"]),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["fastmon_file", "slice_id"], name="slice_once_in_its_tf_file"
            ),
            models.UniqueConstraint(
                fields=["tf_filename", "slice_id"], name="slice_once_by_file_name"
            ),
            ordered_range("slice_range"),
            one_of("status", SliceStatus, "slice_status"),
        ]

    def __str__(self) -> str:
        return f"slice {self.slice_id} of {self.tf_filename}"


class Worker(models.Model):
    """A worker that processes slices of a run."""

    worker_id = models.CharField(max_length=255, primary_key=True)
    run_number = models.BigIntegerField()
    panda_job = models.CharField(max_length=255, blank=True, default="")
    location = models.CharField(max_length=255, help_text="a batch queue, a host or a container")
    status = models.CharField(max_length=20)
    current_slice_id = models.PositiveIntegerField(null=True, blank=True)
    tf_filename = models.CharField(max_length=255, null=True, blank=True)
    slices_completed = models.PositiveIntegerField(default=0)
    last_heartbeat = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True, help_text="null while it works")
    metadata = models.JSONField(null=True, blank=True)
    recorded_at = models.DateTimeField(auto_now_add=True, db_default=Now(), editable=False)

    class Meta:
        db_table = "swf_workers"
        ordering = ["started_at", "worker_id"]
        indexes = [
            models.Index(fields=["run_number", "status"]),
            models.Index(fields=["status"]),
            models.Index(fields=["location"]),
            models.Index(fields=["started_at"]),
        ]

    def __str__(self) -> str:
        return self.worker_id


class SystemStateEvent(models.Model):
    """An event of the system's state; appended, never changed by the testbed's own agents."""

    event_id = models.AutoField(primary_key=True)
    timestamp = models.DateTimeField()
    run_number = models.BigIntegerField()
    event_type = models.CharField(max_length=50)
    state = models.CharField(max_length=20)
    substate = models.CharField(max_length=20, null=True, blank=True)
    event_data = models.JSONField()
    recorded_at = models.DateTimeField(auto_now_add=True, db_default=Now(), editable=False)

    class Meta:
        db_table = "swf_system_state_events"
        ordering = ["event_id"]
        indexes = [
            models.Index(fields=["run_number", "timestamp"]),
            models.Index(fields=["event_type", "event_id"]),
            models.Index(fields=["state", "event_id"]),
            models.Index(fields=["substate", "event_id"]),
            models.Index(fields=["timestamp"]),
            BrinIndex(fields=["recorded_at"], autosummarize=True, name="event_recorded_at"),
        ]

    def __str__(self) -> str:
        return f"{self.event_type}, run {self.run_number}"
