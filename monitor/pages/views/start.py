"""Starting a workflow: choose a configuration, change its parameters, and go."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from monitor.control import workflows
from monitor.control.commands import NoAnswer, Refused
from monitor.control.workflow_files import WorkflowFile, workflow_files
from monitor.pages.access import operators
from monitor.records.models import SystemAgent
from monitor.records.queries.agents import ABLE, present
from swf_common.configuration import resolve_workflow
from swf_common.configuration.parameters import Parameter
from swf_common.errors import ConfigurationError

EXACT = 2**53
"""Below, each whole number is one that a float can be."""


class Number(forms.FloatField):
    """A number, as a user would write it: whole where its value is."""

    def __init__(self, parameter: Parameter) -> None:
        limits = {"min": parameter.ge, "max": parameter.le, "step": "any"}
        attributes = {name: limit for name, limit in limits.items() if limit is not None}
        super().__init__(initial=parameter.default, widget=forms.NumberInput(attrs=attributes))

    def clean(self, value: Any) -> int | float | None:
        number: float | None = super().clean(value)
        if number is not None and number % 1 == 0 and abs(number) < EXACT:
            return int(number)
        return number


class StartForm(forms.Form):
    """How to run it, and a field for each parameter of the configuration."""

    realtime = forms.BooleanField(
        required=False, initial=True, label="In real time", help_text="else as fast as possible"
    )
    anyway = forms.BooleanField(
        required=False,
        label="Start without them",
        help_text="what they would do stays undone",
    )
    duration = forms.FloatField(
        min_value=0,
        initial=0,
        label="Duration",
        help_text="simulated seconds; 0: until the workflow ends",
    )

    def __init__(self, chosen: WorkflowFile, missing: Sequence[str], *args: Any) -> None:
        super().__init__(*args)
        self._chosen = chosen
        self.missing = missing
        if not missing:
            del self.fields["anyway"]
        for parameter in chosen.parameters:
            made = _field(parameter)
            made.label, made.help_text = parameter.name, parameter.help
            self.fields[parameter.path] = made

    def sections(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The parameters' fields by section."""
        found: dict[str, list[forms.BoundField]] = {}
        for parameter in self._chosen.parameters:
            found.setdefault(parameter.section, []).append(self[parameter.path])
        return list(found.items())

    def changes(self) -> dict[str, dict[str, Any]]:
        """What differs from the configuration, by section."""
        return self._changes(self._chosen.parameters)

    def _changes(self, values: Sequence[Parameter]) -> dict[str, dict[str, Any]]:
        changed: dict[str, dict[str, Any]] = {}
        for parameter in values:
            value = self.cleaned_data[parameter.path]
            if value != parameter.default:
                changed.setdefault(parameter.section, {})[parameter.name] = value
        return changed

    def clean_duration(self) -> float:
        duration: float = self.cleaned_data["duration"]
        if not math.isfinite(duration):
            raise forms.ValidationError("Must be a finite number.")
        return duration

    def clean(self) -> dict[str, Any]:
        """Ask the one resolver whether the values go together."""
        cleaned = super().clean() or {}
        if self.missing and not cleaned.get("anyway"):
            names = ", ".join(self.missing)
            self.add_error("anyway", f"Not READY: {names}. Start them first, or go on without.")
        values = [one for one in self._chosen.parameters if one.path in cleaned]
        problem = self._problem(values)
        if problem is not None:
            problems: list[tuple[str | None, str]] = [
                (one.path, text) for one in values if (text := self._problem([one])) is not None
            ]
            for name, text in problems or [(None, problem)]:  # else it is in their being together
                self.add_error(name, text)
        return cleaned

    def _problem(self, values: Sequence[Parameter]) -> str | None:
        """Why the configuration cannot be run with these values and the defaults of all others."""
        try:
            resolve_workflow(
                settings.TESTBED_WORKFLOWS,
                self._chosen.workflow,
                self._chosen.config,
                self._changes(values),
                settings.TESTBED_NAMESPACE,
            )
        except ConfigurationError as error:
            return str(error).removeprefix("run_workflow: ")
        return None


@operators
def start(request: HttpRequest) -> HttpResponse:
    """The form, and what it sends."""
    try:
        known = workflow_files(settings.TESTBED_WORKFLOWS)
    except ConfigurationError as error:
        return render(request, "pages/start.html", {"problem": str(error)}, status=500)
    if not known:
        problem = "The monitor's image holds no workflow."
        return render(request, "pages/start.html", {"problem": problem}, status=500)
    wanted = request.POST.get("config") or request.GET.get("config") or known[0].config
    chosen = next((one for one in known if one.config == wanted), None)
    if chosen is None:
        raise Http404(f"no workflow configuration is called {wanted[:100]}")
    alive = _alive()
    given = [request.POST] if request.method == "POST" else []
    form = StartForm(chosen, _missing(chosen, alive), *given)
    status = 200
    if form.is_bound:
        status = 400
        if form.is_valid():
            try:
                return _started(request, chosen, form)
            except Refused as error:
                form.add_error(None, f"The workflow-runner refuses: {error}")
                status = error.status
            except NoAnswer as error:
                form.add_error(None, str(error))
                status = error.status
    context = {"known": known, "chosen": chosen, "form": form, "alive": alive}
    return render(request, "pages/start.html", context, status=status)


def _started(request: HttpRequest, chosen: WorkflowFile, form: StartForm) -> HttpResponse:
    reply = workflows.start(
        str(request.user),
        workflow_name=chosen.workflow,
        config=chosen.config,
        realtime=form.cleaned_data["realtime"],
        duration=form.cleaned_data["duration"],
        params=form.changes(),
    )
    messages.success(request, f"{reply.execution_id} has started.")
    return redirect("execution", reply.execution_id)


def _field(parameter: Parameter) -> forms.Field:
    if parameter.kind == "true or false":
        return forms.BooleanField(required=False, initial=parameter.default)
    if parameter.kind == "text":
        return forms.CharField(initial=parameter.default, max_length=1000, required=False)
    return Number(parameter)


def _missing(chosen: WorkflowFile, alive: Sequence[SystemAgent]) -> list[str]:
    """Agents that the configuration is meant for and that cannot work now, by their keys: those
    are the types that the programs give themselves.
    """
    able = {agent.agent_type for agent in alive if agent.operational_state in ABLE}
    return [key for key in chosen.agents if key not in able]


def _alive() -> list[SystemAgent]:
    """The agents that would take part."""
    return list(present(namespace=settings.TESTBED_NAMESPACE).order_by("program", "id"))
