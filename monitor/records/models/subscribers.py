"""Who wants to receive what: registrations that agents make when they subscribe."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Subscriber(models.Model):
    """A subscription that somebody registered under a name.

    Clients of the live stream are not rows here: they come and go with their connection
    (`messages/stream/status/` lists them).
    """

    DELIVERY_TYPES = ("activemq", "sse")

    subscriber_id = models.AutoField(primary_key=True)
    subscriber_name = models.CharField(max_length=255, unique=True)
    fraction = models.FloatField(null=True, blank=True, help_text="of the messages, 0 to 1")
    description = models.TextField(max_length=10_000, null=True, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    delivery_type = models.CharField(
        max_length=20, choices=[(kind, kind) for kind in DELIVERY_TYPES], default="activemq"
    )
    client_ip = models.GenericIPAddressField(null=True, blank=True)
    client_location = models.CharField(max_length=255, blank=True, default="")
    connected_at = models.DateTimeField(null=True, blank=True)
    disconnected_at = models.DateTimeField(null=True, blank=True)
    last_activity = models.DateTimeField(null=True, blank=True)
    message_filters = models.JSONField(default=dict, blank=True)
    messages_received = models.PositiveIntegerField(default=0)
    messages_sent = models.PositiveIntegerField(default=0)
    messages_dropped = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "swf_subscribers"
        ordering = ["subscriber_id"]
        indexes = [models.Index(fields=["delivery_type", "is_active"])]
        constraints = [
            models.CheckConstraint(
                condition=Q(fraction__gte=0) & Q(fraction__lte=1), name="subscriber_fraction"
            ),
            models.CheckConstraint(
                condition=Q(delivery_type__in=("activemq", "sse")), name="subscriber_delivery_type"
            ),
        ]

    def __str__(self) -> str:
        return self.subscriber_name
