#!/usr/bin/env bash
# Makes sure that there is a Chromium for the tests in tests/browser, and fonts for it.
#
#   browser.sh         install what is missing, on Debian as root; elsewhere say what is missing
#   browser.sh find    print the browser's path; exits with 1 when there is none
#
# TESTBED_CHROMIUM names another Chromium or Chrome than the one on the PATH.
set -euo pipefail
# shellcheck source=setup/common.sh
. "$(dirname "$0")/common.sh"

readonly MISSING=5 # exit code, as in engine.sh
readonly APT_LOG=/var/log/testbed-apt.log

find_browser() {
    local name
    for name in ${TESTBED_CHROMIUM:+"$TESTBED_CHROMIUM"} chromium chromium-browser google-chrome \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" \
        "/Applications/Chromium.app/Contents/MacOS/Chromium"; do
        command -v "$name" && return
    done
    return 1
}

has_fonts() { # without one, Chromium draws no text at all, and a screenshot is worth nothing
    [[ -n $(find /usr/share/fonts -name '*.ttf' -print -quit 2>/dev/null) ]]
}

is_debian() { [[ $(release ID) == debian ]]; }

apt_once() {
    local -a options=(-q -y -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120)
    apt-get "${options[@]}" update &&
        apt-get "${options[@]}" install --no-install-recommends "$@"
}

install() {
    say "Installing $* from Debian packages (log: $APT_LOG) …"
    local attempt
    for attempt in 1 2 3; do
        if DEBIAN_FRONTEND=noninteractive apt_once "$@" </dev/null >>"$APT_LOG" 2>&1; then
            return
        fi
        say "apt-get failed (attempt $attempt of 3)."
        sleep "$((attempt * 2))"
    done
    tail -n 20 "$APT_LOG" >&2
    say "$* could not be installed; the last lines of $APT_LOG are above."
    exit "$MISSING"
}

provide() {
    local -a wanted=()
    find_browser >/dev/null || wanted+=(chromium)
    has_fonts || wanted+=(fonts-dejavu-core)
    ((${#wanted[@]})) || return 0
    if [[ $(id -u) -eq 0 ]] && is_debian && command -v apt-get >/dev/null; then
        install "${wanted[@]}"
    elif ! find_browser >/dev/null; then
        say "Missing: Chromium or Chrome. The browser tests are skipped (in CI they fail)." \
            "Install one, or name one in TESTBED_CHROMIUM; on Debian: apt-get install chromium"
    fi
}

case ${1:-} in
    find) find_browser ;;
    "") provide ;;
    *) say "usage: browser.sh [find]" && exit 2 ;;
esac
