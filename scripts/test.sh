#!/usr/bin/env bash
# Sets up an environment and runs everything that gates a change.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh test
run=.venv/bin
$run/ruff check .
$run/ruff format --check .
$run/mypy
$run/python -m pytest "$@"
