"""Keys by which programs and people use the monitor."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

from monitor.records.models.choices import choices_of, one_of
from swf_common.protocol.states import Role

KEY_BYTES = 20
HINT_LENGTH = 6
USED_AGAIN_AFTER = timedelta(minutes=1)
"""How old `last_used_at` may be: writing it at each request would be a write for each read."""


class ApiToken(models.Model):
    """A key of a user that carries one role, an administrator's all of the user's; only its digest
    is stored.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens"
    )
    name = models.CharField(max_length=100, help_text="what it is for")
    role = models.CharField(max_length=20, choices=choices_of(Role))
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(max_length=HINT_LENGTH, editable=False, help_text="how the key begins")
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "swf_api_tokens"
        ordering = ["id"]
        constraints = [one_of("role", Role, "api_token_role")]

    def __str__(self) -> str:
        return f"{self.hint}… ({self.name}, {self.role})"

    @classmethod
    def issue(
        cls, user: object, name: str, role: Role, key: str | None = None, days: float | None = None
    ) -> tuple[ApiToken, str]:
        """A new token and its key, which nobody can read again.

        :param key: a key that exists already as a secret; default: a random one
        :param days: how long it is valid; default: until it is revoked
        """
        key = key or secrets.token_hex(KEY_BYTES)
        token = cls.objects.create(
            user=user,
            name=name,
            role=role,
            digest=digest_of(key),
            hint=key[:HINT_LENGTH],
            expires_at=None if days is None else timezone.now() + timedelta(days=days),
        )
        return token, key

    @property
    def expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    def used(self) -> None:
        """Note that the token is in use."""
        now = timezone.now()
        if self.last_used_at is None or now - self.last_used_at > USED_AGAIN_AFTER:
            self.last_used_at = now
            self.save(update_fields=["last_used_at"])


def digest_of(key: str) -> str:
    """What is stored of a key: it is random and long, so one plain SHA-256 is enough."""
    return hashlib.sha256(key.encode()).hexdigest()
