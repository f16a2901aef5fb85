#!/usr/bin/env bash
# Run every check and test, as CI does. Evidence of failures goes to artifacts/.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
rm -rf artifacts
"$bin/ruff" check .
"$bin/ruff" format --check --quiet .
"$bin/mypy"
"$bin/lint-imports"
"$bin/testbed" build
exec "$bin/pytest" tests
