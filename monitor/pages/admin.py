"""The admin: every record, with search and filters, for everybody who may read. Records are looked
at here and not changed; accounts and tokens are an administrator's to manage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.core.exceptions import BadRequest
from django.core.paginator import Paginator
from django.db import DataError
from django.db.models import BooleanField, CharField, Model, QuerySet
from django.http import HttpRequest, HttpResponse

from monitor.access.failures import first_line
from monitor.pages.access import may_read
from monitor.pages.cells import Column
from monitor.pages.lists.downloads import download_of
from monitor.pages.views.record_page import demand_storable
from monitor.records import models
from monitor.records.queries.counting import capped_count
from monitor.records.sizes import large_columns

RUNS_OFFERED = 20
LONGEST_NUMBER = 18
OF_THE_LIST = ("q", "o", "p", "e", "all")
"""Parameters of an address that say how a list is shown, not which rows."""
FILTERED = (
    "status",
    "state",
    "phase",
    "event_type",
    "location",
    "owner",
    "created_at",
    "timestamp",
)
"""Columns that offer their values, or spans of time, beside those that have few values anyway."""

if TYPE_CHECKING:
    _Paginator = Paginator[Any]
    _ModelAdmin = admin.ModelAdmin[Any]
    _UserAdmin = UserAdmin[User]
else:  # generic for the type checker only
    _Paginator, _ModelAdmin, _UserAdmin = Paginator, admin.ModelAdmin, UserAdmin


class CappedPaginator(_Paginator):
    """Counts no further than a page can wait for."""

    @property
    def count(self) -> int:
        rows: Any = self.object_list
        return capped_count(rows)[0]


class LightList(ChangeList):
    """A list that reads only what it shows: a hundred messages may have a megabyte each."""

    def get_queryset(self, request: HttpRequest, *arguments: Any) -> Any:
        rows = super().get_queryset(request, *arguments)
        hidden = large_columns(rows)
        for field in self.model._meta.concrete_fields:
            if field.related_model is not None:
                there: Any = field.related_model
                hidden += [f"{field.name}__{name}" for name in large_columns(there.objects.all())]
        return rows.defer(*hidden)


class OfRun(admin.SimpleListFilter):
    """The rows of one run; the newest runs are offered."""

    title = parameter_name = "run_number"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        newest = models.Run.objects.order_by("-run_number").values_list("run_number", flat=True)
        offered = dict.fromkeys([*map(str, newest[:RUNS_OFFERED]), *filter(None, [self.value()])])
        return [(number, number) for number in offered]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        text = self.value()
        if text is None:
            return queryset
        if not (text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER):
            raise IncorrectLookupParameters(f"{text!r} is no run number")
        return queryset.filter(**{path_to_run(queryset.model): int(text)})


def path_to_run(model: type[Model]) -> str:
    """How a query gets from a record to its run's number; empty where there is no way."""
    paths = {"stffile": "run__run_number", "fastmonfile": "stf_file__run__run_number"}
    known = any(field.name == "run_number" for field in model._meta.concrete_fields)
    return "run_number" if known else paths.get(str(model._meta.model_name), "")


def _is_filtered(field: Any) -> bool:
    return bool(field.choices) or isinstance(field, BooleanField) or field.name in FILTERED


@admin.action(permissions=["view"], description="Download as CSV")
def download_csv(table: Any, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse:
    """The chosen rows with all their columns."""
    columns = [Column(field.attname, field.attname) for field in table.opts.concrete_fields]
    return download_of(table.opts.model_name, columns, rows.defer(None), "csv")


class RecordAdmin(_ModelAdmin):
    """A table of records, which is looked at, and which stays fast however long it is."""

    paginator = CappedPaginator
    show_full_result_count = False
    list_per_page = 100
    actions = (download_csv,)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_read(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_read(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_list_display(self, request: HttpRequest) -> Any:
        large = large_columns(self.model._default_manager.all())
        fields = [field for field in self.opts.concrete_fields if field.name not in large]
        # the key first, then what a row is in a word: a table may be wider than a screen
        fields.sort(key=lambda one: (not one.primary_key, not _is_filtered(one)))
        return [field.name for field in fields]

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        fields = [field.name for field in self.opts.concrete_fields if _is_filtered(field)]
        return [*fields, OfRun] if path_to_run(self.model) else fields

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        indexed = {index.fields[0] for index in self.opts.indexes if index.fields}
        return [
            f"={field.name}"
            for field in self.opts.concrete_fields
            if isinstance(field, CharField) and (field.unique or field.name in indexed)
        ]

    def get_ordering(self, request: HttpRequest) -> Any:
        first = str([*(self.opts.ordering or ()), "pk"][0]).removeprefix("-")
        named = first != "pk" and isinstance(self.opts.get_field(first), CharField)
        return [first if named else f"-{first}"]

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        return "regex" not in lookup  # records lead to records, which all may be read

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return LightList

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        given = [f"{name} {text}" for name, text in request.GET.items() if name not in OF_THE_LIST]
        title = ", ".join((str(self.opts.verbose_name_plural).capitalize(), *given))
        try:
            return super().changelist_view(request, {"title": title, **(extra_context or {})})
        except DataError as error:
            raise BadRequest(first_line(error)) from None

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        return super().get_object(request, demand_storable(object_id), from_field)


for model in apps.get_app_config("records").get_models():
    if model is not models.ApiToken:
        admin.site.register(model, RecordAdmin)


class ChangedFieldsMixin(_ModelAdmin):
    """A form that writes what was changed in it.

    Accounts change while somebody looks at a form: one that wrote all its fields would set back
    what has been written since. So it carries along what it was loaded with.
    """

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **options)
        if field is not None:
            field.show_hidden_initial = True
        return field

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            super().save_model(request, obj, form, change)
        elif form.changed_data:
            obj.save(
                update_fields=[f.name for f in self.opts.fields if f.name in form.changed_data]
            )


admin.site.unregister(User)


@admin.register(User)
class PersonAdmin(ChangedFieldsMixin, _UserAdmin):
    """Accounts. A form that set back the last sign-in would make its link work a second time."""


@admin.register(models.ApiToken)
class TokenAdmin(ChangedFieldsMixin):
    list_display = ("hint", "name", "user", "role", "created_at", "last_used_at", "expires_at")
    list_filter = ("role",)
    search_fields = ("name", "user__username")
    readonly_fields = ("hint", "created_at", "last_used_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a key is shown where it is made: on the account page
