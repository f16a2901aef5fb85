"""Addresses of the pages."""

from __future__ import annotations

from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeView
from django.urls import path, re_path, reverse_lazy
from django.views.generic import RedirectView

from monitor.pages.lists import agents as agent_lists
from monitor.pages.lists import files, traffic, workflows
from monitor.pages.lists.listing import list_view
from monitor.pages.views import (
    account,
    actions,
    agents,
    data,
    executions,
    find,
    moved,
    overview,
    reference,
    runs,
    sign_in_link,
    start,
)
from monitor.pages.views import traffic as said

LISTINGS = (
    agent_lists.AGENTS,
    workflows.EXECUTIONS,
    workflows.DEFINITIONS,
    workflows.RUNS,
    files.STF_FILES,
    traffic.MESSAGES,
    traffic.LOGS,
    traffic.DEAD_LETTERS,
)
VERBS = "|".join(actions.VERBS)

urlpatterns = [
    path("accounts/login/", LoginView.as_view(), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    path(
        "accounts/password/",
        PasswordChangeView.as_view(
            template_name="pages/password.html", success_url=reverse_lazy("account")
        ),
        name="password",
    ),
    path("accounts/link/<str:key>/", sign_in_link.sign_in, name="sign-in-link"),
    path("account/", account.show, name="account"),
    path("account/tokens/", account.issue, name="issue-token"),
    path("account/tokens/<int:token_id>/revoke/", account.revoke, name="revoke-token"),
    path("", overview.overview, name="overview"),
    path("favicon.ico", RedirectView.as_view(url="/static/pages/icon.svg")),  # the admin names none
    path("find/", find.find, name="find"),
    path("containers/", agents.containers, name="containers"),
    re_path(
        rf"^programs/(?P<program>[A-Za-z0-9_.-]+)/(?P<verb>{VERBS})/$",
        actions.act_on_program,
        name="act-on-program",
    ),
    path("executions/start/", start.start, name="start"),
    path("executions/<path:execution_id>/stop/", actions.stop_execution, name="stop-execution"),
    path("executions/<path:execution_id>/end/", actions.end_execution, name="end-execution"),
    path("logs/summary/", said.log_summary, name="log-summary"),
    path("dead-letters/<int:number>/retry/", actions.retry_letter, name="retry-letter"),
    path("dead-letters/<int:number>/discard/", actions.discard_letter, name="discard-letter"),
    path("runs/<int:run_number>/histograms/", runs.histograms, name="histograms"),
    *(path(f"{one.name}/", list_view(one), name=one.name) for one in LISTINGS),
    # names that agents choose may hold slashes
    path("agents/<path:instance_name>/kill/", actions.kill_agent, name="kill-agent"),
    path("agents/<path:instance_name>/", agents.agent, name="agent"),
    path("executions/<path:execution_id>/", executions.execution, name="execution"),
    path("definitions/<int:number>/", reference.definition, name="definition"),
    path("runs/<int:run_number>/", runs.run, name="run"),
    path("stf-files/<uuid:file_id>/", data.stf_file, name="stf-file"),
    path("messages/<uuid:message_id>/", said.message, name="message"),
    path("logs/<int:number>/", said.log, name="log"),
    path("dead-letters/<int:number>/", said.dead_letter, name="dead-letter"),
    *(path(f"{old}/", moved.list_of, {"old": old}) for old in moved.MODELS),
    *(path(f"{old}/<path:key>/", moved.record, {"old": old}) for old in moved.MODELS),
]
