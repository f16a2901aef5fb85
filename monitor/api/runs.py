"""Runs, their states, and STF files."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from monitor.api.filters import RunFilter, RunStateFilter, StfFileFilter
from monitor.api.records import (
    UUID_KEY,
    IntegerKeyMixin,
    ListBodyMixin,
    RecordSerializer,
    RecordViewSet,
    changes_many,
)
from monitor.records import models, stf_files
from swf_common.protocol.states import FileStatus

LARGEST = 2**63 - 1
"""What a column of 64 bits holds."""


class RunSerializer(RecordSerializer[models.Run]):
    fixed = ("run_number",)

    class Meta:
        model = models.Run
        fields = "__all__"


class RunStateSerializer(RecordSerializer[models.RunState]):
    """The counts follow the records of slices, samples and workers: a client's are ignored."""

    class Meta:
        model = models.RunState
        fields = "__all__"
        read_only_fields = models.RunState.COUNTS


class StfFileSerializer(RecordSerializer[models.StfFile]):
    fixed = ("run",)
    run_number = serializers.IntegerField(source="run.run_number", read_only=True)

    class Meta:
        model = models.StfFile
        fields = "__all__"


class StfFileInList(serializers.Serializer[Any]):
    """One element of a list that registers STF files; the run is named by its number."""

    run_number = serializers.IntegerField(min_value=0, max_value=LARGEST)
    stf_filename = serializers.CharField(max_length=255)
    file_size_bytes = serializers.IntegerField(
        required=False, min_value=0, max_value=LARGEST, allow_null=True
    )
    checksum = serializers.CharField(required=False, max_length=128, allow_null=True)
    tf_count = serializers.IntegerField(
        required=False, min_value=0, max_value=2**31 - 1, allow_null=True
    )
    machine_state = serializers.CharField(required=False, max_length=64)
    daq_state = serializers.CharField(required=False, max_length=20, allow_null=True)
    daq_substate = serializers.CharField(required=False, max_length=20, allow_null=True)
    status = serializers.ChoiceField([status.value for status in FileStatus], required=False)
    metadata = serializers.DictField(required=False)


class StfFileChange(serializers.Serializer[Any]):
    """One element of a list that changes STF files; `metadata` is merged key by key."""

    stf_filename = serializers.CharField(max_length=255)
    status = serializers.ChoiceField([status.value for status in FileStatus], required=False)
    metadata = serializers.DictField(required=False)


class RunViewSet(IntegerKeyMixin, RecordViewSet):
    queryset = models.Run.objects.all()
    serializer_class = RunSerializer
    filterset_class = RunFilter


class RunStateViewSet(IntegerKeyMixin, RecordViewSet):
    queryset = models.RunState.objects.all()
    serializer_class = RunStateSerializer
    filterset_class = RunStateFilter


@changes_many("stf_files", StfFileChange, StfFileSerializer)
class StfFileViewSet(ListBodyMixin, RecordViewSet):
    """STF files. A list as body registers (POST) or changes (PATCH) many, safe to repeat."""

    queryset = models.StfFile.objects.select_related("run")
    serializer_class = StfFileSerializer
    filterset_class = StfFileFilter
    lookup_value_regex = UUID_KEY
    element_class = StfFileInList
    change_class = StfFileChange
    change_key = "stf_filename"

    register_many = staticmethod(stf_files.register)
    find_many = staticmethod(stf_files.find)
    apply_changes = staticmethod(stf_files.change)
