"""Recorded messages, and those that could not be delivered."""

from __future__ import annotations

from rest_framework import serializers

from monitor.api.filters import DeadLetterFilter, MessageFilter
from monitor.api.paging import OptInCursorPagination
from monitor.api.records import UUID_KEY, IntegerKeyMixin, ReadOnlyViewSet
from monitor.api.written_rows import WrittenListMixin
from monitor.records import models


class MessageSerializer(serializers.ModelSerializer[models.WorkflowMessage]):
    class Meta:
        model = models.WorkflowMessage
        fields = "__all__"


class DeadLetterSerializer(serializers.ModelSerializer[models.DeadLetter]):
    class Meta:
        model = models.DeadLetter
        fields = "__all__"


class MessageViewSet(WrittenListMixin, ReadOnlyViewSet):
    """Recorded messages, newest first."""

    queryset = models.WorkflowMessage.objects.order_by("-id")
    serializer_class = MessageSerializer
    filterset_class = MessageFilter
    pagination_class = OptInCursorPagination
    lookup_field = "message_id"
    lookup_value_regex = UUID_KEY


class DeadLetterViewSet(IntegerKeyMixin, ReadOnlyViewSet):
    queryset = models.DeadLetter.objects.all()
    serializer_class = DeadLetterSerializer
    filterset_class = DeadLetterFilter
