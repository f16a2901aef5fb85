"""Names of users, and how the command says for whom it uses a service account."""

from __future__ import annotations

USER_PATTERN = r"[A-Za-z0-9_.@+-]{1,100}"
USER_HEADER = "X-Testbed-User"
"""Header with the name of the person behind a request; nothing proves it."""
