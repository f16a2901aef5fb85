"""What agents record of stages of their own, and what is still needed of the files of STFs."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers, status
from rest_framework.decorators import api_view
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.api.filters import StageRecordFilter
from monitor.api.records import IntegerKeyMixin, ReadOnlyViewSet, named_refusals
from monitor.control.needs import VOLUMES, Needs, StfOfRun
from monitor.records import models, stage_records
from swf_common.protocol.progress import BUILT_IN, CUSTOM_STAGE

MOST = 1000
"""Elements of a list."""


class StageRecordSerializer(serializers.ModelSerializer[models.StageRecord]):
    class Meta:
        model = models.StageRecord
        fields = "__all__"


class StageRecordInList(serializers.Serializer[Any]):
    """One STF that has come to its end at a stage."""

    execution_id = serializers.CharField(max_length=100)
    stage = serializers.RegexField(CUSTOM_STAGE, help_text="stf.<name>, as in compose.yaml")
    unit = serializers.CharField(max_length=255, help_text="the STF's file name")
    failed = serializers.BooleanField(default=False)

    def validate_stage(self, stage: str) -> str:
        if stage in BUILT_IN:
            raise ValidationError("This stage is counted from other records.")
        return stage


class StageRecordViewSet(IntegerKeyMixin, ReadOnlyViewSet):
    """STFs that have come to their end at a stage that an agent brings along."""

    queryset = models.StageRecord.objects.all()
    serializer_class = StageRecordSerializer
    filterset_class = StageRecordFilter

    @extend_schema(
        request=StageRecordInList(many=True),
        responses={status.HTTP_201_CREATED: StageRecordSerializer(many=True)},
        filters=False,
    )
    def create(self, request: Request) -> Response:
        """Record a list of them, all or none; the records, as they are now. It may be repeated: a
        record stays, but a failure becomes a success when a later try succeeds.
        """
        rows: serializers.ListSerializer[Any] = serializers.ListSerializer(
            data=request.data, child=StageRecordInList(), max_length=MOST
        )
        rows.is_valid(raise_exception=True)
        with named_refusals():
            stored = stage_records.record(rows.validated_data)
        return Response(StageRecordSerializer(stored, many=True).data, status.HTTP_201_CREATED)


class FileOfStf(serializers.Serializer[Any]):
    """Files of an STF, which need not be recorded."""

    run_id = serializers.IntegerField(min_value=0, max_value=2**63 - 1)
    stf_filename = serializers.CharField(max_length=255)


class FilesInQuestion(serializers.Serializer[Any]):
    """Files of STFs on a volume."""

    volume = serializers.ChoiceField(list(VOLUMES))
    files: Any = serializers.ListSerializer(child=FileOfStf(), max_length=MOST)


@extend_schema(
    request=FilesInQuestion,
    responses=inline_serializer(
        "FilesNeeded", {"needed": serializers.ListField(child=serializers.BooleanField())}
    ),
)
@api_view(["POST"])
def files_needed(request: Request) -> Response:
    """Whether files of STFs are still needed: `needed` has an answer for each, in their order."""
    asked = FilesInQuestion(data=request.data)
    asked.is_valid(raise_exception=True)
    files = [StfOfRun(one["run_id"], one["stf_filename"]) for one in asked.validated_data["files"]]
    return Response({"needed": Needs(files).on(asked.validated_data["volume"])})
