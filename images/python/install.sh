#!/usr/bin/env bash
# Installs locked requirements into the virtual environment, trusting the host's certificates.
set -euo pipefail
if [[ -s /run/secrets/ca_bundle ]]; then export PIP_CERT=/run/secrets/ca_bundle; fi
/opt/venv/bin/pip install --cache-dir /var/cache/pip --disable-pip-version-check --require-hashes \
    -r "$1"
/opt/venv/bin/pip uninstall --yes pip # the image needs none
