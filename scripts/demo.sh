#!/usr/bin/env bash
# Sets up an environment, runs the main job on the built-in phantom patient, and shows the way on.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh tables,codecs
exec recist demo "$@"
