"""`python -m monitor sign_in_link`: a link that signs a person in, once."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.db import transaction
from django.urls import reverse

from monitor.access.people import BadName, NotActive, account_of, give_role
from monitor.access.sign_in_links import VALID, make_key
from swf_common.protocol.states import Role


class Command(BaseCommand):
    """The answer is JSON, for the `testbed` command."""

    help = "Make a link that signs a person in, once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", required=True)
        parser.add_argument("--role", choices=[role.value for role in Role], default="operator")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            user = account_of(options["user"])
        except (BadName, NotActive) as error:
            raise CommandError(str(error)) from None
        give_role(user, Role(options["role"]))
        answer = {
            "user": user.get_username(),
            "path": reverse("sign-in-link", args=[make_key(user)]),
            "valid_s": VALID.total_seconds(),
        }
        self.stdout.write(json.dumps(answer))
