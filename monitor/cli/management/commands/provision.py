"""`python -m monitor provision`: migrations, roles, service accounts and their tokens."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management import BaseCommand, CommandError, call_command
from django.db import transaction

from monitor.access.people import SERVICE_ACCOUNTS
from monitor.access.roles import ADMINISTRATOR
from monitor.records.models import ApiToken
from monitor.records.models.tokens import digest_of
from swf_common.protocol.states import Role

ADMIN = "admin"
LEAST_LENGTH = 32


class Command(BaseCommand):
    """Bring the database to where every other service can use it; safe to repeat."""

    help = "Apply migrations, create the roles and the service accounts with their tokens."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        with transaction.atomic():
            for role, name in SERVICE_ACCOUNTS.items():
                group, _ = Group.objects.get_or_create(name=role)
                user, _ = User.objects.get_or_create(username=name)
                user.groups.set([group])
                self._give_token(user, role)
            self._make_administrator()
        self.stdout.write("The database is ready.")

    def _give_token(self, user: User, role: Role) -> None:
        key = self._secret(f"token_{role}")
        known = ApiToken.objects.filter(user=user)
        known.exclude(digest=digest_of(key)).delete()
        if not known.filter(digest=digest_of(key)).exists():
            ApiToken.issue(user, "service account", role, key)

    def _make_administrator(self) -> None:
        """The administrator; a password that was changed since stays as it is."""
        password = self._secret("admin_password")
        if not User.objects.filter(username=ADMIN).exists():
            User.objects.create_superuser(ADMIN, password=password)
            self.stdout.write(f"The {ADMINISTRATOR} is {ADMIN}.")

    def _secret(self, name: str) -> str:
        path = settings.TESTBED_SECRETS / name
        try:
            text: str = path.read_text().strip()
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}; run: testbed init") from error
        if len(text) < LEAST_LENGTH:
            raise CommandError(f"{path}: it has {len(text)} characters, {LEAST_LENGTH} are needed")
        return text
