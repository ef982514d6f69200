#!/usr/bin/env bash
# Sets up an environment and runs everything that gates a change.
#   scripts/test.sh [--services] [pytest's own arguments]
# --services also installs Chromium, Orthanc, PostgreSQL and R from Debian (as root) and runs the tests
# that need them, and those that take long. What was left out stands in the last line.
set -euo pipefail
cd "$(dirname "$0")/.."
for argument in "$@"; do
  [ "$argument" != --services ] || bash scripts/services.sh
done
. scripts/environment.sh test
# One thread for each of pytest's workers: more only get in each other's way.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS=${ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS:-1}
ruff check .
ruff format --check .
mypy
python -m pytest --numprocesses auto --dist worksteal --hypothesis-profile ci "$@"
# With the services comes the long gate: a minute of fuzzing for each reader.
if [[ " $* " == *" --services "* ]]; then
  python scripts/fuzz.py --seconds 60 --jobs 2
fi
