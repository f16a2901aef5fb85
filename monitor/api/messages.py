"""Recorded messages, and those that could not be delivered."""

from __future__ import annotations

from collections.abc import Callable

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.access.failures import answered
from monitor.access.roles import OPERATOR, asker
from monitor.api.filters import DeadLetterFilter, MessageFilter
from monitor.api.paging import OptInCursorPagination
from monitor.api.records import UUID_KEY, IntegerKeyMixin, ReadOnlyViewSet
from monitor.api.written_rows import WrittenListMixin
from monitor.control import dead_letters
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
    """Dead letters, and what an operator does with an open one."""

    queryset = models.DeadLetter.objects.all()
    serializer_class = DeadLetterSerializer
    filterset_class = DeadLetterFilter
    write_roles = frozenset({OPERATOR})

    @extend_schema(request=None, responses=DeadLetterSerializer)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """Send it once more to the queue that it was refused in: 200, 404, 409 or 503."""
        return self._settled(lambda: dead_letters.retry(asker(request), int(pk)))

    @extend_schema(request=None, responses=DeadLetterSerializer)
    @action(detail=True, methods=["post"])
    def discard(self, request: Request, pk: str) -> Response:
        """Lay it aside: 200, 404 or 409."""
        return self._settled(lambda: dead_letters.discard(asker(request), int(pk)))

    def _settled(self, act: Callable[[], models.DeadLetter]) -> Response:
        return answered(lambda: self.get_serializer(act()).data, status.HTTP_200_OK)
