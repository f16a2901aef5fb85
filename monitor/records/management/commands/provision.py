"""`python -m monitor provision`: migrations, roles, service accounts and their tokens."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management import BaseCommand, CommandError, call_command
from django.db import transaction
from rest_framework.authtoken.models import Token

from monitor.api.roles import ROLES


class Command(BaseCommand):
    """Bring the database to where every other service can use it; safe to repeat."""

    help = "Apply migrations, create the roles and the service accounts with their tokens."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        with transaction.atomic():
            for role in ROLES:
                group, _ = Group.objects.get_or_create(name=role)
                user, _ = User.objects.get_or_create(username=f"service-{role}")
                user.groups.set([group])
                self._give_token(user, role)
        self.stdout.write("The database is ready.")

    def _give_token(self, user: User, role: str) -> None:
        path = settings.TESTBED_SECRETS / f"token_{role}"
        try:
            key = path.read_text().strip()
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}; run: testbed init") from error
        if len(key) != 40:
            raise CommandError(f"{path}: a token has 40 characters, this one has {len(key)}")
        Token.objects.exclude(key=key).filter(user=user).delete()
        Token.objects.get_or_create(key=key, defaults={"user": user})
