"""Results of slices, and what they add up to."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.api.fast_processing import TFSliceSerializer
from monitor.api.filters import RunHistogramsFilter
from monitor.api.records import (
    MINIMAL,
    IntegerKeyMixin,
    ReadOnlyViewSet,
    named_refusals,
    prefers_minimal,
)
from monitor.records import models
from monitor.records.histograms import MalformedHistograms
from monitor.records.slice_results import store_results
from swf_common.protocol.states import SliceStatus

MOST_RESULTS = 1000
COUNTED = ("hit_count", "cluster_count", "histograms")


class SliceResultInList(serializers.Serializer[Any]):
    """One result: `completed` with counts and histograms, `queued` when the slice failed and is
    tried again, `failed` when it is not.
    """

    tf_filename = serializers.CharField(max_length=255, help_text="of a registered TF file")
    slice_id = serializers.IntegerField(min_value=0, max_value=2**31 - 1)
    attempt = serializers.IntegerField(
        min_value=0, max_value=1000, help_text="the try that it is the result of, from 0"
    )
    status = serializers.ChoiceField(
        [SliceStatus.COMPLETED.value, SliceStatus.QUEUED.value, SliceStatus.FAILED.value]
    )
    error = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    assigned_worker = serializers.CharField(required=False, max_length=255, allow_null=True)
    assigned_at = serializers.DateTimeField(required=False, allow_null=True)
    hit_count = serializers.IntegerField(required=False, min_value=0, max_value=2**31 - 1)
    cluster_count = serializers.IntegerField(required=False, min_value=0, max_value=2**31 - 1)
    histograms = serializers.DictField(
        required=False, help_text="in compact form, or by name in UHI form"
    )
    metadata = serializers.DictField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["status"] == SliceStatus.COMPLETED:
            missing = [name for name in COUNTED if name not in attrs]
            if missing:
                raise ValidationError(
                    {name: ["A completed slice needs this field."] for name in missing}
                )
        return attrs


class RunHistogramsSerializer(serializers.ModelSerializer[models.RunHistograms]):
    class Meta:
        model = models.RunHistograms
        fields = "__all__"


@extend_schema(
    operation_id="tf_slices_results",
    request=SliceResultInList(many=True),
    responses=TFSliceSerializer(many=True),
)
@api_view(["POST"])
def slice_results(request: Request) -> Response:
    """Store results of slices, all or none; the slices, as they are now. Each slice is added to
    its run's histograms once: a result may be repeated, and results may come in any order. With
    the header `Prefer: return=minimal` the answer has only `id`, `status` and `retries` of each.
    """
    rows: serializers.ListSerializer[Any] = serializers.ListSerializer(
        data=request.data, child=SliceResultInList(), max_length=MOST_RESULTS
    )
    rows.is_valid(raise_exception=True)
    try:
        with named_refusals():
            slices = store_results(rows.validated_data)
    except MalformedHistograms as error:
        raise ValidationError({"histograms": [str(error)]}) from None
    if prefers_minimal(request):
        short = [{"id": one.id, "status": one.status, "retries": one.retries} for one in slices]
        return Response(short, headers={"Preference-Applied": MINIMAL})
    stored = models.TFSlice.objects.select_related("fastmon_file").in_bulk(
        [one.id for one in slices]
    )
    return Response(TFSliceSerializer([stored[one.id] for one in slices], many=True).data)


class RunHistogramsViewSet(IntegerKeyMixin, ReadOnlyViewSet):
    """The histograms of a run, ready for drawing: every bin has its count, flow bins included."""

    queryset = models.RunHistograms.objects.all()
    serializer_class = RunHistogramsSerializer
    filterset_class = RunHistogramsFilter
