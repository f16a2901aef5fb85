"""The admin: every model, with search and filters; what is recorded cannot be changed here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest

from monitor.records import models
from monitor.records.sizes import large_columns
from swf_common.protocol.states import ExecutionStatus

COUNT_UP_TO = 10_000

if TYPE_CHECKING:
    _Paginator = Paginator[Any]
    _ModelAdmin = admin.ModelAdmin[Any]
    _ModelForm = forms.ModelForm[Any]
    _UserAdmin = UserAdmin[User]
else:  # generic for the type checker only
    _Paginator, _ModelAdmin, _ModelForm = Paginator, admin.ModelAdmin, forms.ModelForm
    _UserAdmin = UserAdmin


admin.site.site_header = admin.site.site_title = "Testbed administration"


class CappedPaginator(_Paginator):
    """Counts no further than `COUNT_UP_TO` rows: a million would take longer than the page."""

    @property
    def count(self) -> int:
        rows: Any = self.object_list[:COUNT_UP_TO]
        known: int = rows.count()
        return known


class ChangedFieldsMixin(_ModelAdmin):
    """A form that writes what was changed in it.

    Records change while somebody looks at a form: a form that wrote all its fields would set back
    what agents and the recorder have written since. So it carries along what it was loaded with.
    """

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **options)
        if field is not None:
            field.show_hidden_initial = True
        return field

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        given = tuple(super().get_readonly_fields(request, obj))
        return given if obj is None else (*given, self.opts.pk.name)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            super().save_model(request, obj, form, change)
        elif form.changed_data:
            changed = [
                one.name
                for one in self.opts.fields
                if one.name in form.changed_data or getattr(one, "auto_now", False)
            ]
            obj.save(update_fields=changed)


class LightList(ChangeList):
    """A list that reads only what it shows: a hundred messages may have a megabyte each."""

    def get_queryset(self, request: HttpRequest, *arguments: Any) -> Any:
        rows = super().get_queryset(request, *arguments)
        hidden = [name for name in large_columns(rows) if name not in self.list_display]
        return rows.defer(*hidden)


class RecordAdmin(ChangedFieldsMixin):
    """A list that stays fast however long it is."""

    paginator = CappedPaginator
    show_full_result_count = False
    list_per_page = 100

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return LightList


admin.site.unregister(User)


@admin.register(User)
class PersonAdmin(ChangedFieldsMixin, _UserAdmin):
    """Accounts. A form that set back the last sign-in would make its link work a second time."""


class ReadOnlyAdmin(RecordAdmin):
    """Records that only the testbed itself writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(models.SystemAgent)
class AgentAdmin(RecordAdmin):
    list_display = (
        "instance_name",
        "program",
        "namespace",
        "operational_state",
        "status",
        "last_heartbeat",
    )
    list_filter = ("operational_state", "status", "namespace", "program")
    search_fields = ("instance_name", "container_id", "hostname")


@admin.register(models.AgentStateChange)
class StateChangeAdmin(ReadOnlyAdmin):
    list_display = ("changed_at", "instance_name", "operational_state", "status", "namespace")
    list_filter = ("operational_state", "status")
    search_fields = ("=instance_name",)


@admin.register(models.Namespace)
class NamespaceAdmin(RecordAdmin):
    list_display = ("name", "owner", "description", "updated_at")
    list_filter = ("owner",)
    search_fields = ("name", "owner", "description")


@admin.register(models.Subscriber)
class SubscriberAdmin(RecordAdmin):
    list_display = ("subscriber_name", "delivery_type", "is_active", "fraction", "updated_at")
    list_filter = ("delivery_type", "is_active")
    search_fields = ("subscriber_name", "description")


@admin.register(models.Run)
class RunAdmin(RecordAdmin):
    list_display = ("run_number", "start_time", "end_time")
    list_filter = (("end_time", admin.EmptyFieldListFilter),)
    search_fields = ("=run_number",)


@admin.register(models.RunState)
class RunStateAdmin(RecordAdmin):
    list_display = (
        "run_number",
        "phase",
        "state",
        "substate",
        "slices_created",
        "slices_completed",
    )
    list_filter = ("phase", "state", "substate")
    search_fields = ("=run_number",)
    readonly_fields = models.RunState.COUNTS


@admin.register(models.StfFile)
class StfFileAdmin(RecordAdmin):
    list_display = ("stf_filename", "run", "status", "file_size_bytes", "tf_count", "created_at")
    list_filter = ("status", "machine_state")
    search_fields = ("=stf_filename", "=run__run_number")
    raw_id_fields = ("run",)


@admin.register(models.StageRecord)
class StageRecordAdmin(ReadOnlyAdmin):
    list_display = ("execution_id", "stage", "unit", "failed", "recorded_at")
    search_fields = ("=execution_id", "=unit")


@admin.register(models.FastMonFile)
class FastMonFileAdmin(RecordAdmin):
    list_display = ("tf_filename", "stf_file_id", "status", "tf_first", "tf_last", "created_at")
    list_filter = ("status",)
    search_fields = ("=tf_filename", "=stf_file__stf_filename")
    raw_id_fields = ("stf_file",)


@admin.register(models.TFSlice)
class TFSliceAdmin(RecordAdmin):
    list_display = (
        "id",
        "tf_filename",
        "slice_id",
        "run_number",
        "status",
        "retries",
        "created_at",
    )
    list_filter = ("status",)
    search_fields = ("=tf_filename", "=stf_filename", "=run_number", "=assigned_worker")
    raw_id_fields = ("fastmon_file",)


@admin.register(models.RunHistograms)
class RunHistogramsAdmin(ReadOnlyAdmin):
    list_display = ("run_number", "slices", "tfs", "hits", "clusters", "updated_at")
    search_fields = ("=run_number",)


@admin.register(models.Worker)
class WorkerAdmin(RecordAdmin):
    list_display = ("worker_id", "run_number", "location", "status", "started_at", "ended_at")
    list_filter = ("status", "location")
    search_fields = ("worker_id", "=run_number")


@admin.register(models.SystemStateEvent)
class EventAdmin(ReadOnlyAdmin):
    list_display = ("timestamp", "run_number", "event_type", "state", "substate")
    list_filter = ("event_type", "state")
    search_fields = ("=run_number",)


@admin.register(models.WorkflowDefinition)
class DefinitionAdmin(ReadOnlyAdmin):
    list_display = ("workflow_name", "version", "workflow_type", "created_by", "created_at")
    list_filter = ("workflow_type", "workflow_name")
    search_fields = ("workflow_name", "version", "created_by")


class ExecutionForm(_ModelForm):
    """An execution that has ended never runs again, as for agents and operators."""

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        before, after = self.instance.status, cleaned.get("status")
        if (
            "status" in self.changed_data
            and after is not None
            and not self.instance._state.adding
            and ExecutionStatus(before).final
            and not ExecutionStatus(after).final
        ):
            raise ValidationError(
                {"status": f"The execution has ended ({before}); it cannot run again."}
            )
        return cleaned


@admin.register(models.WorkflowExecution)
class ExecutionAdmin(RecordAdmin):
    form = ExecutionForm
    list_display = ("execution_id", "namespace", "status", "executed_by", "start_time", "end_time")
    list_filter = ("status", "namespace", "executed_by")
    search_fields = ("execution_id", "=run_number")
    raw_id_fields = ("workflow_definition",)


@admin.register(models.WorkflowMessage)
class MessageAdmin(ReadOnlyAdmin):
    list_display = ("id", "message_type", "sender_agent", "execution_id", "run_id", "sent_at")
    search_fields = ("=execution_id", "=run_id", "=message_type", "=sender_agent")


@admin.register(models.DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    list_display = ("id", "destination", "message_type", "resolution", "cause", "received_at")
    list_filter = ("resolution",)
    search_fields = ("=destination", "=execution_id", "=message_type")


@admin.register(models.AppLog)
class LogAdmin(ReadOnlyAdmin):
    list_display = ("id", "timestamp", "levelname", "app_name", "instance_name", "message")
    list_filter = ("level",)
    search_fields = ("=instance_name", "=app_name", "=execution_id", "=run_id")


@admin.register(models.PersistentState)
class PersistentStateAdmin(ReadOnlyAdmin):
    list_display = ("id", "state_data", "updated_at")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # numbers would begin again


@admin.register(models.RecorderStatus)
class RecorderStatusAdmin(ReadOnlyAdmin):
    list_display = ("id", "messages_recorded", "duplicates", "rate", "lag_s", "updated_at")


@admin.register(models.QueueAbsence)
class QueueAbsenceAdmin(ReadOnlyAdmin):
    list_display = ("queue", "absent_s", "seen_at")


@admin.register(models.ApiToken)
class TokenAdmin(RecordAdmin):
    list_display = ("hint", "name", "user", "role", "created_at", "last_used_at", "expires_at")
    list_filter = ("role",)
    search_fields = ("name", "user__username")
    readonly_fields = ("hint", "created_at", "last_used_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a key is shown where it is made: on the account page
