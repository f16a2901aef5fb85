"""Workflow definitions."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.api.filters import DefinitionFilter
from monitor.api.records import IntegerKeyMixin, RecordSerializer, RecordViewSet
from monitor.records import models

BODY: dict[str, Any] = {"workflow_type": None, "definition": None, "parameter_values": {}}
"""What makes a definition the one that it is, and what each is when it is not given; who records
it may differ.
"""


class DefinitionSerializer(RecordSerializer[models.WorkflowDefinition]):
    definition = serializers.CharField(trim_whitespace=False, help_text="the source, as it is")

    class Meta:
        model = models.WorkflowDefinition
        fields = "__all__"
        validators: list[Any] = []  # a second definition is answered by the view: 400 or 409


class DefinitionViewSet(IntegerKeyMixin, RecordViewSet):
    """Workflow definitions; a recorded one is never changed."""

    queryset = models.WorkflowDefinition.objects.all()
    serializer_class = DefinitionSerializer
    filterset_class = DefinitionFilter

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            with transaction.atomic():
                serializer.save()
        except IntegrityError:
            return self._refuse(serializer.validated_data)
        return Response(serializer.data, status=status.HTTP_201_CREATED)

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        before = self.get_object()
        serializer = self.get_serializer(before, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        changed = [
            name
            for name, value in serializer.validated_data.items()
            if getattr(before, name) != value
        ]
        if changed:
            text = f"A definition is immutable; it differs in: {', '.join(changed)}."
            return Response({"detail": text}, status=status.HTTP_409_CONFLICT)
        return Response(self.get_serializer(before).data)

    def _refuse(self, wanted: dict[str, Any]) -> Response:
        known = models.WorkflowDefinition.objects.get(
            workflow_name=wanted["workflow_name"], version=wanted["version"]
        )
        text = f"workflow {known.workflow_name} version {known.version} already exists."
        differing = [name for name in BODY if getattr(known, name) != wanted.get(name, BODY[name])]
        if not differing:
            raise ValidationError({"non_field_errors": [text]})
        detail = (
            f"{text} It differs in: {', '.join(differing)}. Record this one under another version."
        )
        return Response({"detail": detail}, status=status.HTTP_409_CONFLICT)
