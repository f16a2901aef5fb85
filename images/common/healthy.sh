#!/bin/sh
# Healthy: the program's state file says READY or PROCESSING, and is not out of date.
# One line: state, Unix time of writing, seconds after which it is out of date.
file=${TESTBED_STATE_FILE:-/run/testbed/state}
if ! read -r state written valid 2>/dev/null <"$file"; then
    echo "no state yet"
    exit 1
fi
age=$(($(date +%s) - written))
if [ "$age" -gt "$valid" ]; then
    echo "$state, but silent for $age s"
    exit 1
fi
echo "$state"
[ "$state" = READY ] || [ "$state" = PROCESSING ]
