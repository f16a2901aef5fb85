#!/usr/bin/env bash
# Make sure that the virtual environment holds what a purpose needs: venv.sh command|dev
# Requirements are locked with hashes; a stamp of their digest makes a second call cost nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=setup/common.sh
. setup/common.sh

purpose=${1:?say what for: command or dev}
venv=.venv
stamp=$venv/.installed-$purpose

wanted() { cat "requirements/$purpose.txt" requirements/build.txt pyproject.toml | cksum; }

find_python() {
    local candidate
    for candidate in python3.13 python3.12 python3.11 python3; do
        if command -v "$candidate" >/dev/null &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    say "Python 3.11 or newer is needed and was not found. On Debian: apt-get install" \
        "python3-venv; on RHEL and its like: dnf install python3.11; on macOS: brew install python"
    exit 5
}

make_venv() {
    local python
    python=$(find_python)
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            say "Installing python3-venv ..."
            apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
                --no-install-recommends python3-venv >/dev/null
        else
            say "Python's venv module is missing. On Debian: apt-get install python3-venv"
            exit 5
        fi
    fi
    say "Making the virtual environment with $python ..."
    "$python" -m venv "$venv"
}

[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(wanted)" ] && exit 0
if ! [ -x "$venv/bin/python" ] || ! [ -x "$venv/bin/pip" ]; then make_venv; fi
say "Installing the $purpose requirements ..."
pip=("$venv/bin/pip" --quiet --disable-pip-version-check)
"${pip[@]}" install --require-hashes -r "requirements/$purpose.txt" -r requirements/build.txt \
    2> >(grep -v "^WARNING: Location" >&2 || true)
"${pip[@]}" install --no-build-isolation --no-deps --editable . \
    2> >(grep -v "^WARNING: Location" >&2 || true)
wanted >"$stamp"
