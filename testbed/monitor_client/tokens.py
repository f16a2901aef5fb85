"""Tokens of the monitor's REST interface, made and revoked inside the monitor's container."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from testbed.engine.containers import Containers
from testbed.monitor_client.inside_container import ask
from testbed.output import console


class Tokens:
    """The tokens of one user.

    :param namespace: the testbed's
    """

    def __init__(self, containers: Containers, namespace: str, user: str) -> None:
        self._containers = containers
        self._namespace = namespace
        self._user = user

    def issue(self, role: str, name: str, days: float | None) -> dict[str, Any]:
        """A new token; its `key` is in the answer and nowhere else."""
        valid = [] if days is None else [f"--days={days}"]
        token: dict[str, Any] = self._ask("issue", f"--role={role}", f"--name={name}", *valid)
        return token

    def all(self) -> list[dict[str, Any]]:
        """The user's tokens."""
        tokens: list[dict[str, Any]] = self._ask("list")
        return tokens

    def revoke(self, number: int) -> dict[str, Any]:
        """Revoke a token by its number; what it was."""
        token: dict[str, Any] = self._ask("revoke", f"--id={number}")
        return token

    def _ask(self, verb: str, *options: str) -> Any:
        arguments = (verb, f"--user={self._user}", *options)
        return ask(self._containers, self._namespace, "token", *arguments)


def table(tokens: Sequence[dict[str, Any]]) -> list[str]:
    """Tokens as lines of text."""
    if not tokens:
        return ["no tokens"]
    rows = [("id", "key", "role", "name", "made", "last used", "valid until")]
    rows += [
        (
            str(token["id"]),
            f"{token['hint']}…",
            token["role"],
            token["name"],
            token["created_at"][:16],
            (token["last_used_at"] or "never")[:16],
            (token["expires_at"] or "no end")[:16],
        )
        for token in tokens
    ]
    return console.table(rows[0], rows[1:]).splitlines()
