"""Addresses of the pages."""

from __future__ import annotations

from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeView
from django.urls import path, reverse_lazy

from monitor.pages import account, sign_in_link

urlpatterns = [
    path("accounts/login/", LoginView.as_view(redirect_authenticated_user=True), name="login"),
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
]
