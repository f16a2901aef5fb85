#!/usr/bin/env bash
# Renew the locked requirements from pyproject.toml. Hashes, but no index addresses.
# What runs on hosts is locked for Python 3.11 and later, the images for the one they carry.
set -euo pipefail
cd "$(dirname "$0")/.."
tool=$(mktemp -d)
trap 'rm -rf "$tool"' EXIT
python3 -m venv "$tool"
"$tool/bin/pip" --quiet install uv

lock() { # lock NAME PYTHON SOURCE…: requirements/NAME.txt
    "$tool/bin/uv" pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url \
        --no-header --no-annotate --python-version "$2" "${@:3}" -o "requirements/$1.txt"
}

listed() { # listed KEY…: a list of pyproject.toml, one entry a line
    .venv/bin/python -c '
import sys, tomllib
value = tomllib.load(open("pyproject.toml", "rb"))
for key in sys.argv[1:]:
    value = value[key]
print("\n".join(value))' "$@"
}

lock command 3.11 pyproject.toml
lock dev 3.11 pyproject.toml --extra dev
listed build-system requires | lock build 3.11 -
# An image gets what its extra lists, without what the command needs.
for image in agent monitor supervisor; do
    listed project optional-dependencies "$image" | lock "$image" 3.13 -
done
