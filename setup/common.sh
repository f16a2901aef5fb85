# shellcheck shell=bash
# What the scripts that run on a user's host share. Scripts that `make` or the command call keep to
# bash 3.2, which macOS carries, and to what macOS and RHEL have; what only Debian has stays in
# branches that only Debian reaches (tests/unit/test_scripts.py).

say() { printf '%s\n' "$*" >&2; }

within() { # within SECONDS COMMAND…: exits with 124 or 142 when the time is over
    if command -v timeout >/dev/null; then
        timeout "$@"
    elif command -v perl >/dev/null; then # macOS has no timeout; an alarm outlives exec
        perl -e 'alarm shift; exec @ARGV or exit 127' "$@"
    else
        shift
        "$@"
    fi
}

at_least() { # at_least FLOOR VERSION: numeric comparison, a leading "v" and suffixes allowed
    local found=${2#v} index
    local -a floor have
    found=${found%%[!0-9.]*}
    [[ -n $found ]] || return 1
    IFS=. read -r -a floor <<<"$1"
    IFS=. read -r -a have <<<"$found"
    for index in 0 1 2; do
        if ((10#${have[index]:-0} > 10#${floor[index]:-0})); then return 0; fi
        if ((10#${have[index]:-0} < 10#${floor[index]:-0})); then return 1; fi
    done
}

release() { # release KEY: one value of /etc/os-release
    # shellcheck source=/dev/null
    (. /etc/os-release 2>/dev/null && key=$1 && printf '%s' "${!key:-}")
}
