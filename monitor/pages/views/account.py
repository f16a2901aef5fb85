"""The account: who you are here, and your tokens."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from monitor.access.roles import roles_of
from monitor.records.models import ApiToken
from swf_common.protocol.states import Role

LONGEST_DAYS = 3650


class TokenForm(forms.Form):
    """What a new token is for, and what it may do: at most what its maker may."""

    name = forms.CharField(max_length=100, label="What is it for?")
    role = forms.ChoiceField(label="Role")
    days = forms.FloatField(
        min_value=0.01,
        max_value=LONGEST_DAYS,
        required=False,
        label="Valid for days (empty: until revoked)",
    )

    def __init__(self, roles: frozenset[Role], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice: Any = self.fields["role"]
        choice.choices = [(role.value, role.value) for role in Role if role in roles]


@login_required
@never_cache
def show(request: HttpRequest) -> HttpResponse:
    """The page."""
    return _page(request, TokenForm(roles_of(request.user)))


@login_required
@never_cache
@require_POST
def issue(request: HttpRequest) -> HttpResponse:
    """Make a token; its key is on the page that answers, and never again."""
    form = TokenForm(roles_of(request.user), request.POST)
    if not form.is_valid():
        return _page(request, form, status=400)
    token, key = ApiToken.issue(
        request.user,
        form.cleaned_data["name"],
        Role(form.cleaned_data["role"]),
        days=form.cleaned_data["days"],
    )
    return _page(request, TokenForm(roles_of(request.user)), new_token=token, new_key=key)


@login_required
@require_POST
def revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    """Revoke one of the user's own tokens."""
    token = get_object_or_404(ApiToken, pk=token_id, user=request.user)
    token.delete()
    messages.success(request, f"Revoked: {token}")
    return redirect("account")


def _page(request: HttpRequest, form: TokenForm, status: int = 200, **more: Any) -> HttpResponse:
    tokens = ApiToken.objects.filter(user=request.user)  # type: ignore[misc]
    context = {"form": form, "tokens": tokens, **more}
    return render(request, "pages/account.html", context, status=status)
