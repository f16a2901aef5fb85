#!/usr/bin/env bash
# Run every check and test, as CI does, what is quick first. Evidence of failures: artifacts/
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=setup/common.sh
. setup/common.sh
bin=.venv/bin
rm -rf artifacts

part() { # part NAME COMMAND…: run it and say how long it took
    local name=$1 began=$SECONDS
    shift
    "$@"
    say "== $name: $((SECONDS - began)) s"
}

part "ruff" "$bin/ruff" check .
part "ruff format" "$bin/ruff" format --check --quiet .
part "mypy" "$bin/mypy"
part "lint-imports" "$bin/lint-imports"
part "unit tests" "$bin/pytest" -q -n auto --maxprocesses=4 --durations=15 tests/unit
part "images" "$bin/testbed" build
# What takes long comes first, so that both processes end together (decision 0037).
part "tests with Docker" "$bin/pytest" -n 2 --dist loadfile --no-loadscope-reorder --durations=15 \
    tests/browser tests/faults tests/acceptance tests/integration
say "== everything: $SECONDS s"
