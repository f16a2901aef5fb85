"""The certificates that pip trusts while images are built: found on this host, not assumed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from swf_common.errors import ConfigurationError

VARIABLE = "TESTBED_CA_BUNDLE"
OTHERS = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
"""What other programs of this user are told to trust; a site's own authority stands there."""
USUAL = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # RHEL, Alma, Rocky, Fedora
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # macOS
)


def find_ca_bundle(
    written: str = "",
    environment: Mapping[str, str] = os.environ,
    usual: Sequence[str] = USUAL,
) -> str:
    """The file with trusted certificates.

    What the user says in TESTBED_CA_BUNDLE is taken as it is, so that a mistake in it is seen.
    Of the rest the first that exists: SSL_CERT_FILE, REQUESTS_CA_BUNDLE, the one written to .env,
    where systems keep theirs, certifi's own.

    :param written: the value in .env, which may be a user's
    """
    chosen = environment.get(VARIABLE)
    if chosen:
        return chosen
    named = [*(environment.get(name, "") for name in OTHERS), written, *usual]
    for name in filter(None, named):
        if Path(name).is_file():
            return str(Path(name).absolute())
    import certifi

    return certifi.where()


def check_ca_bundle(path: str) -> None:
    """Refuse a missing file before a build: the builder's message would not name it.

    :raises ConfigurationError: it is missing
    """
    if not Path(path).is_file():
        raise ConfigurationError(
            place=f"{VARIABLE}={path}",
            problem="there is no such file",
            hint="Name a file with trusted certificates, or unset the variable: one is looked for.",
        )
