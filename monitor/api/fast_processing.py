"""TF samples, slices, workers and state events."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from django.db import models as db
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from monitor.api.filters import EventFilter, FastMonFileFilter, TFSliceFilter, WorkerFilter
from monitor.api.records import (
    UUID_KEY,
    IntegerKeyMixin,
    ListBodyMixin,
    RecordSerializer,
    RecordViewSet,
    changes_many,
)
from monitor.records import fast_processing, models
from swf_common.protocol.states import FileStatus, SliceStatus

SLICE_PART = re.compile(r"_slice_\d+(?=\.[^.]*$|$)")
"""What the predecessor's agents put into a TF file's name to name one of its slices."""


@extend_schema_field(OpenApiTypes.STR)
class FileField(serializers.RelatedField[Any, Any, str]):
    """A file named by its name or its UUID; shown by its name.

    :param name_field: the field of the model that holds the name
    """

    def __init__(self, name_field: str, **options: Any) -> None:
        self.name_field = name_field
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str | UUID):
            raise ValidationError("Not a file name or UUID.")
        found = self.find(str(data))
        if found is None:
            raise ValidationError(f"There is no file {str(data)[:255]}.")
        return found

    def find(self, name: str) -> db.Model | None:
        """The file of that name or UUID."""
        files: Any = self.get_queryset()
        try:
            key: dict[str, Any] = {"pk": UUID(name)}
        except ValueError:
            key = {self.name_field: name}
        found: db.Model | None = files.filter(**key).first()
        return found

    def to_representation(self, value: Any) -> str:
        return str(getattr(value, self.name_field))

    def use_pk_only_optimization(self) -> bool:
        return False


class TimeFrameRange(serializers.Serializer[Any]):
    """Checks that `tf_first` .. `tf_last` is a range that holds `tf_count` time frames."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        def value(name: str) -> int | None:
            known = getattr(self.instance, name, None)
            given: int | None = attrs.get(name, known)
            return given

        first, last, count = value("tf_first"), value("tf_last"), value("tf_count")
        if first is not None and last is not None:
            if last < first:
                raise ValidationError({"tf_last": ["It is less than tf_first."]})
            if count is not None and count > last - first + 1:
                raise ValidationError({"tf_count": ["It is more than tf_first .. tf_last holds."]})
        return attrs


class FastMonFileSerializer(TimeFrameRange, RecordSerializer[models.FastMonFile]):
    stf_file = FileField(
        "stf_filename", queryset=models.StfFile.objects.all(), help_text="file name or UUID"
    )
    stf_file_id = serializers.UUIDField(read_only=True)
    run_number = serializers.IntegerField(source="stf_file.run.run_number", read_only=True)

    class Meta:
        model = models.FastMonFile
        fields = "__all__"


class FastMonFileInList(TimeFrameRange):
    """One element of a list that registers TF samples."""

    stf_file = serializers.CharField(max_length=255, help_text="the STF's file name")
    tf_filename = serializers.CharField(max_length=255)
    tf_first = serializers.IntegerField(min_value=0, max_value=2**31 - 1)
    tf_last = serializers.IntegerField(min_value=0, max_value=2**31 - 1)
    tf_count = serializers.IntegerField(min_value=0, max_value=2**31 - 1)
    file_size_bytes = serializers.IntegerField(
        required=False, min_value=0, max_value=2**63 - 1, allow_null=True
    )
    checksum = serializers.CharField(required=False, max_length=128, allow_null=True)
    metadata = serializers.DictField(required=False)


class FastMonFileChange(serializers.Serializer[Any]):
    """One element of a list that changes TF samples; `metadata` is merged key by key."""

    tf_filename = serializers.CharField(max_length=255)
    status = serializers.ChoiceField([status.value for status in FileStatus], required=False)
    metadata = serializers.DictField(required=False)


class TFSliceSerializer(TimeFrameRange, RecordSerializer[models.TFSlice]):
    """A slice names its TF file (`fastmon_file`, by file name or UUID), or as the predecessor's
    agents do by `tf_filename`, which may carry the slice's number (`…_slice_003.tf`). File names
    and run number come from the TF file's record where they are not given.
    """

    fastmon_file = FileField(
        "tf_filename",
        queryset=models.FastMonFile.objects.select_related("stf_file__run"),
        required=False,
        allow_null=True,
        help_text="file name or UUID",
    )
    tf_filename = serializers.CharField(max_length=255, required=False)
    stf_filename = serializers.CharField(max_length=255, required=False)
    run_number = serializers.IntegerField(min_value=0, max_value=2**63 - 1, required=False)

    class Meta:
        model = models.TFSlice
        fields = "__all__"
        validators: list[Any] = []  # the fields that make it unique need not be given

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        if self.instance is not None:
            return attrs
        sample = attrs.get("fastmon_file") or self._sample_of(attrs.get("tf_filename"))
        if sample is not None:
            attrs["fastmon_file"] = sample
            attrs.setdefault("tf_filename", sample.tf_filename)
            attrs.setdefault("stf_filename", sample.stf_file.stf_filename)
            attrs.setdefault("run_number", sample.stf_file.run.run_number)
            self._check_inside(attrs, sample)
        missing = [
            name for name in ("tf_filename", "stf_filename", "run_number") if name not in attrs
        ]
        if missing:
            raise ValidationError(
                {name: ["This field is required without a known TF file."] for name in missing}
            )
        return attrs

    def _sample_of(self, tf_filename: str | None) -> Any:
        if tf_filename is None:
            return None
        names = {tf_filename, SLICE_PART.sub("", tf_filename)}
        samples = models.FastMonFile.objects.select_related("stf_file__run")
        return samples.filter(tf_filename__in=names).first()

    @staticmethod
    def _check_inside(attrs: dict[str, Any], sample: models.FastMonFile) -> None:
        if sample.tf_first is not None and attrs["tf_first"] < sample.tf_first:
            raise ValidationError({"tf_first": [f"The TF file begins at {sample.tf_first}."]})
        if sample.tf_last is not None and attrs["tf_last"] > sample.tf_last:
            raise ValidationError({"tf_last": [f"The TF file ends at {sample.tf_last}."]})


class TFSliceInList(TimeFrameRange):
    """One element of a list that registers slices."""

    tf_filename = serializers.CharField(max_length=255, help_text="of a registered TF file")
    slice_id = serializers.IntegerField(min_value=0, max_value=2**31 - 1)
    tf_first = serializers.IntegerField(min_value=0, max_value=2**31 - 1)
    tf_last = serializers.IntegerField(min_value=0, max_value=2**31 - 1)
    tf_count = serializers.IntegerField(min_value=0, max_value=2**31 - 1)
    metadata = serializers.DictField(required=False)


class TFSliceChange(serializers.Serializer[Any]):
    """One element of a list that changes slices; `metadata` is merged key by key."""

    id = serializers.IntegerField(min_value=0, max_value=2**63 - 1)
    status = serializers.ChoiceField([status.value for status in SliceStatus], required=False)
    retries = serializers.IntegerField(min_value=0, max_value=2**31 - 1, required=False)
    assigned_worker = serializers.CharField(max_length=255, required=False, allow_null=True)
    assigned_at = serializers.DateTimeField(required=False, allow_null=True)
    completed_at = serializers.DateTimeField(required=False, allow_null=True)
    metadata = serializers.DictField(required=False)


class WorkerSerializer(RecordSerializer[models.Worker]):
    class Meta:
        model = models.Worker
        fields = "__all__"


class EventSerializer(RecordSerializer[models.SystemStateEvent]):
    class Meta:
        model = models.SystemStateEvent
        fields = "__all__"


@changes_many("fastmon_files", FastMonFileChange, FastMonFileSerializer)
class FastMonFileViewSet(ListBodyMixin, RecordViewSet):
    """TF samples. A list as body registers (POST) or changes (PATCH) many, safe to repeat."""

    queryset = models.FastMonFile.objects.select_related("stf_file__run")
    serializer_class = FastMonFileSerializer
    filterset_class = FastMonFileFilter
    lookup_value_regex = UUID_KEY
    element_class = FastMonFileInList
    change_class = FastMonFileChange
    change_key = "tf_filename"

    register_many = staticmethod(fast_processing.register_samples)
    find_many = staticmethod(fast_processing.find_samples)
    apply_changes = staticmethod(fast_processing.change_samples)


@changes_many("tf_slices", TFSliceChange, TFSliceSerializer)
class TFSliceViewSet(IntegerKeyMixin, ListBodyMixin, RecordViewSet):
    """Slices. A list as body registers (POST) or changes (PATCH) many, safe to repeat."""

    queryset = models.TFSlice.objects.select_related("fastmon_file")
    serializer_class = TFSliceSerializer
    filterset_class = TFSliceFilter
    element_class = TFSliceInList
    change_class = TFSliceChange
    change_key = "id"

    register_many = staticmethod(fast_processing.register_slices)
    find_many = staticmethod(fast_processing.find_slices)
    apply_changes = staticmethod(fast_processing.change_slices)


class WorkerViewSet(RecordViewSet):
    queryset = models.Worker.objects.all()
    serializer_class = WorkerSerializer
    filterset_class = WorkerFilter


class EventViewSet(IntegerKeyMixin, RecordViewSet):
    queryset = models.SystemStateEvent.objects.all()
    serializer_class = EventSerializer
    filterset_class = EventFilter
