"""One-time links that sign a person in: keys that are signed, not stored.

A key says whose it is and when that account signed in last. Signing in by it moves that moment, so
that it works once, and no other key of before works any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.models import User
from django.core import signing
from django.utils import timezone

SALT = "testbed.sign-in-link"
VALID = timedelta(minutes=5)


class DeadLink(Exception):
    """A link signs nobody in any more; the message says why."""


@dataclass(frozen=True)
class SignInLink:
    """What a valid key stands for."""

    user: User

    def use(self) -> User:
        """Use the link up; who is to be signed in.

        :raises DeadLink: somebody was faster
        """
        known = User.objects.filter(pk=self.user.pk, last_login=self.user.last_login)
        if not known.update(last_login=timezone.now()):
            raise DeadLink("It has been used already.")
        return self.user


def make_key(user: User) -> str:
    """A key for an account, valid for `VALID`."""
    return signing.dumps([user.pk, _last_login(user)], salt=SALT)


def read_key(key: str) -> SignInLink:
    """What a key stands for.

    :raises DeadLink: nothing, or nothing any more
    """
    try:
        number, last_login = signing.loads(key, salt=SALT, max_age=VALID)
    except signing.SignatureExpired:
        minutes = VALID.total_seconds() / 60
        raise DeadLink(f"It was valid for {minutes:.0f} minutes.") from None
    except signing.BadSignature:
        raise DeadLink("It is none of this testbed, or it was cut off.") from None
    user = User.objects.filter(pk=number, is_active=True).first()
    if user is None:
        raise DeadLink("Its account is gone, or not active.")
    if _last_login(user) != last_login:
        raise DeadLink("It has been used already, or you have signed in since it was made.")
    return SignInLink(user)


def _last_login(user: User) -> str | None:
    return None if user.last_login is None else user.last_login.isoformat()
