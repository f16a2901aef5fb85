"""The accounts of people, as the `testbed` command makes them on the host."""

from __future__ import annotations

import re

from django.contrib.auth.models import Group, User

from testbed.protocol.states import Role

USER_PATTERN = r"[A-Za-z0-9_.@+-]{1,100}"
SERVICE_ACCOUNT = "service-"
"""What the names of service accounts begin with; those of people do not."""


class BadName(ValueError):
    """A text that is no name of a person."""


def check_name(name: str) -> None:
    """Refuse what is no name of a person.

    :raises BadName: it is none
    """
    if not re.fullmatch(USER_PATTERN, name):
        raise BadName(f"{name!r} is no user name")
    if name.startswith(SERVICE_ACCOUNT):
        raise BadName(f"{name!r} is the name of a service account; people have other ones")


def account_of(name: str) -> User:
    """The account of that name; a new one has no password and no roles.

    :raises BadName: it cannot be one
    """
    check_name(name)
    user, is_new = User.objects.get_or_create(username=name)
    if is_new:
        user.set_unusable_password()
        user.save()
    return user


def give_role(user: User, role: Role) -> None:
    """Let an account have a role; what it has already it keeps."""
    if role == Role.ADMINISTRATOR:
        User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
    else:
        user.groups.add(Group.objects.get(name=role))
