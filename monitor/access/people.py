"""The accounts of people, as the `testbed` command makes them on the host."""

from __future__ import annotations

import re

from django.contrib.auth.models import Group, User

from swf_common.protocol.states import Role
from swf_common.protocol.users import USER_PATTERN

GROUP_ROLES = (Role.VIEWER, Role.AGENT, Role.OPERATOR)
"""Roles that are groups of users; administrators are Django's superusers."""
SERVICE_ACCOUNTS = {role: f"service-{role}" for role in GROUP_ROLES}
"""Accounts of the testbed's own programs, by their role."""


class BadName(ValueError):
    """A text that is not a name of a person."""


class NotActive(ValueError):
    """An account that an administrator has switched off."""


def check_name(name: str) -> None:
    """Refuse what is not a name of a person.

    :raises BadName: it is not
    """
    if not re.fullmatch(USER_PATTERN, name):
        raise BadName(f"{name!r} is no user name")
    if name in SERVICE_ACCOUNTS.values():
        raise BadName(f"{name!r} is an account of the testbed itself; name a person: --user NAME")


def account_of(name: str) -> User:
    """The account of that name; a new one has no password and no roles.

    :raises BadName: it cannot be one
    :raises NotActive: it was switched off
    """
    check_name(name)
    user, is_new = User.objects.get_or_create(username=name)
    if not user.is_active:
        raise NotActive(f"the account {name} is not active")
    if is_new:
        user.set_unusable_password()
        user.save()
    return user


def give_role(user: User, role: Role) -> bool:
    """Let an account have a role; what it has already it keeps. Whether the role is new to it."""
    if user.is_superuser:
        return False
    if role == Role.ADMINISTRATOR:
        User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
        return True
    is_new = not user.groups.filter(name=role).exists()
    user.groups.add(Group.objects.get(name=role))
    return is_new
