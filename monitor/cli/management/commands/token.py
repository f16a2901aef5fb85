"""`python -m monitor token`: make, list and revoke the tokens of a person."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.db import transaction

from monitor.access.people import BadName, NotActive, account_of, check_name, give_role
from monitor.records.models import ApiToken
from swf_common.protocol.states import Role


class Command(BaseCommand):
    """One verb a call; the answer is JSON, for the `testbed` command."""

    help = "Make, list or revoke API tokens."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("verb", choices=["issue", "list", "revoke"])
        parser.add_argument("--user", required=True)
        parser.add_argument("--role", choices=[role.value for role in Role], default="viewer")
        parser.add_argument("--name", default="testbed token")
        parser.add_argument("--days", type=float)
        parser.add_argument("--id", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            check_name(options["user"])
        except BadName as error:
            raise CommandError(str(error)) from None
        answer = getattr(self, f"_{options['verb']}")(options)
        self.stdout.write(json.dumps(answer, default=str))

    @transaction.atomic
    def _issue(self, options: dict[str, Any]) -> dict[str, Any]:
        role = Role(options["role"])
        try:
            user = account_of(options["user"])
        except NotActive as error:
            raise CommandError(str(error)) from None
        role_given = give_role(user, role)  # a token carries nothing that its user may not
        token, key = ApiToken.issue(user, options["name"][:100], role, days=options["days"])
        return {**_facts(token), "key": key, "role_given": role_given}

    def _list(self, options: dict[str, Any]) -> list[dict[str, Any]]:
        tokens = ApiToken.objects.select_related("user").filter(user__username=options["user"])
        return [_facts(token) for token in tokens]

    def _revoke(self, options: dict[str, Any]) -> dict[str, Any]:
        token = ApiToken.objects.filter(user__username=options["user"], pk=options["id"]).first()
        if token is None:
            raise CommandError(f"{options['user']} has no token {options['id']}")
        facts = _facts(token)
        token.delete()
        return facts


def _facts(token: ApiToken) -> dict[str, Any]:
    return {
        "id": token.pk,
        "user": token.user.get_username(),
        "name": token.name,
        "role": token.role,
        "hint": token.hint,
        "created_at": token.created_at,
        "last_used_at": token.last_used_at,
        "expires_at": token.expires_at,
    }
