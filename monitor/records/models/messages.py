"""What went over the broker: recorded messages, and those that could not be delivered."""

from __future__ import annotations

import uuid

from django.contrib.postgres.indexes import BrinIndex
from django.db import models


class WorkflowMessage(models.Model):
    """A message, exactly once by `message_id`; `id` grows in the order of recording."""

    message_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    message_type = models.CharField(max_length=50)
    sender_agent = models.CharField(max_length=100, null=True, blank=True)
    recipient_agent = models.CharField(max_length=100, null=True, blank=True)
    namespace = models.CharField(max_length=100, null=True, blank=True)
    execution_id = models.CharField(max_length=100, null=True, blank=True)
    run_id = models.CharField(max_length=50, null=True, blank=True)
    message_content = models.JSONField()
    message_metadata = models.JSONField(null=True, blank=True)
    sent_at = models.DateTimeField(help_text="the sender's time stamp")
    recorded_at = models.DateTimeField(auto_now_add=True)
    queue_name = models.CharField(max_length=200, null=True, blank=True)
    correlation_id = models.CharField(max_length=100, null=True, blank=True)

    class Meta:
        db_table = "swf_workflow_messages"
        ordering = ["id"]
        indexes = [
            models.Index(fields=["execution_id", "message_type", "id"]),
            models.Index(fields=["execution_id", "id"]),
            models.Index(fields=["run_id", "id"]),
            models.Index(fields=["message_type", "id"]),
            models.Index(fields=["sender_agent", "id"]),
            models.Index(fields=["namespace", "id"]),
            models.Index(fields=["sent_at"]),
            # it grows with the table: an index of some pages, which inserts do not touch
            BrinIndex(fields=["recorded_at"], autosummarize=True, name="message_recorded_at"),
        ]


class DeadLetter(models.Model):
    """A message that an agent could not handle, or that nobody can understand."""

    destination = models.CharField(max_length=255, help_text="the queue it was meant for")
    cause = models.TextField(blank=True, default="")
    message_id = models.UUIDField(null=True, blank=True)
    broker_message_id = models.CharField(
        max_length=255, help_text="the same for the copies of one message in several queues"
    )
    message_type = models.CharField(max_length=50, blank=True, default="")
    execution_id = models.CharField(max_length=100, null=True, blank=True)
    headers = models.JSONField(default=dict)
    body = models.TextField()
    failure = models.JSONField(
        null=True,
        blank=True,
        help_text="the last failing try, as its consumer reported it; null when it did not",
    )
    received_at = models.DateTimeField(auto_now_add=True)
    resolution = models.CharField(
        max_length=10,
        choices=[("open", "open"), ("retried", "retried"), ("discarded", "discarded")],
        default="open",
    )

    class Meta:
        db_table = "swf_dead_letters"
        ordering = ["id"]
        indexes = [
            models.Index(fields=["resolution", "id"]),
            models.Index(fields=["execution_id", "id"]),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["destination", "broker_message_id"], name="dead_letter_once"
            )
        ]


class QueueAbsence(models.Model):
    """A consumer queue that nobody consumes from, and for how long that was seen."""

    queue = models.CharField(max_length=255, unique=True)
    absent_s = models.FloatField(
        default=0, help_text="seconds; those in which nobody looked do not count"
    )
    seen_at = models.DateTimeField(help_text="when somebody last looked")

    class Meta:
        db_table = "swf_queue_absences"
        ordering = ["queue"]


class RecorderStatus(models.Model):
    """One row: what the recorder has done so far, and when it was last at work."""

    messages_recorded = models.BigIntegerField(default=0)
    duplicates = models.BigIntegerField(
        default=0, help_text="deliveries of what was stored already"
    )
    foreign_messages = models.BigIntegerField(default=0, help_text="of other namespaces")
    malformed = models.BigIntegerField(default=0, help_text="kept as dead letters")
    rate = models.FloatField(default=0, help_text="messages a second, over the last seconds")
    lag_s = models.FloatField(
        default=0, help_text="seconds from sending to commit, of the last batch"
    )
    waiting = models.PositiveIntegerField(default=0, help_text="taken from the broker, not stored")
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "swf_recorder_status"
        verbose_name_plural = "recorder status"
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_recorder_status")]
