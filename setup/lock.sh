#!/usr/bin/env bash
# Renew the locked requirements from requirements/*.in. Hashes, but no index addresses.
# What runs on hosts is locked for Python 3.11 and later, the images for the one they carry.
set -euo pipefail
cd "$(dirname "$0")/.."
tool=$(mktemp -d)
trap 'rm -rf "$tool"' EXIT
python3 -m venv "$tool"
"$tool/bin/pip" --quiet install uv
lock() {
    "$tool/bin/uv" pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url \
        --no-header --no-annotate --python-version "$2" "requirements/$1.in" \
        -o "requirements/$1.txt"
}
for purpose in command build dev; do lock "$purpose" 3.11; done
for image in agent monitor supervisor; do lock "$image" 3.13; done
