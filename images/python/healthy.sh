#!/usr/bin/env bash
# Healthy: the program's state file says READY or PROCESSING, and is not out of date.
# One line: state, Unix time of writing, seconds after which it is out of date.
set -euo pipefail

if ! read -r state written valid 2>/dev/null <"${TESTBED_STATE_FILE:-/run/testbed/state}"; then
    echo "no state yet"
    exit 1
fi
age=$((EPOCHSECONDS - written))
if ((age > valid)); then
    echo "$state, but silent for $age s"
    exit 1
fi
echo "$state"
[[ $state == READY || $state == PROCESSING ]]
