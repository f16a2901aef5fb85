"""How records look in REST, and what is checked when they are written."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from rest_framework import serializers

from monitor.records import models
from testbed.protocol.states import ExecutionStatus, FileStatus

LARGEST = 2**63 - 1
"""What a column of 64 bits holds."""


class AgentSerializer(serializers.ModelSerializer[models.SystemAgent]):
    heartbeat_interval = serializers.FloatField(
        required=False, allow_null=True, min_value=0.001, max_value=86_400
    )

    class Meta:
        model = models.SystemAgent
        fields = "__all__"


class NamespaceSerializer(serializers.ModelSerializer[models.Namespace]):
    class Meta:
        model = models.Namespace
        fields = "__all__"


class RunSerializer(serializers.ModelSerializer[models.Run]):
    class Meta:
        model = models.Run
        fields = "__all__"


class RunStateSerializer(serializers.ModelSerializer[models.RunState]):
    class Meta:
        model = models.RunState
        fields = "__all__"


class StfFileSerializer(serializers.ModelSerializer[models.StfFile]):
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


class DefinitionSerializer(serializers.ModelSerializer[models.WorkflowDefinition]):
    class Meta:
        model = models.WorkflowDefinition
        fields = "__all__"
        validators: list[Any] = []  # a second definition is answered by the view: 400 or 409


class ExecutionSerializer(serializers.ModelSerializer[models.WorkflowExecution]):
    class Meta:
        model = models.WorkflowExecution
        fields = "__all__"

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """An execution that has ended has an end time and never runs again."""
        before = self.instance
        status = ExecutionStatus(
            attrs.get("status", before.status if before else ExecutionStatus.PENDING)
        )
        if before and ExecutionStatus(before.status).final and not status.final:
            raise serializers.ValidationError(
                {"status": [f"The execution has ended ({before.status}); it cannot run again."]}
            )
        if status.final and not attrs.get("end_time"):
            attrs["end_time"] = (before.end_time if before else None) or timezone.now()
        return attrs


class MessageSerializer(serializers.ModelSerializer[models.WorkflowMessage]):
    class Meta:
        model = models.WorkflowMessage
        fields = "__all__"


class DeadLetterSerializer(serializers.ModelSerializer[models.DeadLetter]):
    class Meta:
        model = models.DeadLetter
        fields = "__all__"


class LogListSerializer(serializers.ListSerializer[models.AppLog]):
    """Many records in one statement."""

    def create(self, validated_data: Any) -> Any:
        return models.AppLog.objects.bulk_create(
            [models.AppLog(**with_context(record)) for record in validated_data]
        )


class LogSerializer(serializers.ModelSerializer[models.AppLog]):
    class Meta:
        model = models.AppLog
        fields = "__all__"
        list_serializer_class = LogListSerializer

    def create(self, validated_data: dict[str, Any]) -> models.AppLog:
        return models.AppLog.objects.create(**with_context(validated_data))


def with_context(record: dict[str, Any]) -> dict[str, Any]:
    """A log record whose namespace, execution and run are taken from `extra_data`."""
    extra = record.get("extra_data")
    if not isinstance(extra, dict):
        return record
    lengths = {"namespace": 100, "execution_id": 100, "run_id": 50}
    found = {
        name: str(extra[name])[:length]
        for name, length in lengths.items()
        if extra.get(name) is not None and record.get(name) is None
    }
    return {**record, **found}


class StartWorkflow(serializers.Serializer[Any]):
    """What `workflow-executions/start/` takes."""

    workflow_name = serializers.RegexField(r"^[A-Za-z0-9_-]+$", max_length=200)
    config = serializers.RegexField(
        r"^[A-Za-z0-9_.-]+$", max_length=200, required=False, allow_null=True
    )
    realtime = serializers.BooleanField(default=True)
    duration = serializers.FloatField(default=0, min_value=0)
    params = serializers.DictField(required=False, default=dict)
    resolved = serializers.DictField(required=False, allow_null=True, default=None)
