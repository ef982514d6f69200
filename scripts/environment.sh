# Sourced by demo.sh and test.sh: a virtual environment in .venv with the toolkit installed at the
# releases of constraints.txt, and its tools first on PATH.
# $1: the extras to install, e.g. "test". RECIST_PYTHON chooses the interpreter (3.11 or later),
# RECIST_TORCH_INDEX the wheel index that torch comes from (see README: GPU).
python=${RECIST_PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "Python 3.11 or later is needed; name one with RECIST_PYTHON=/path/to/python" >&2
  exit 2
}
[ -d .venv ] || "$python" -m venv .venv
install() { .venv/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt "$@"; }
stamp=.venv/.installed-$1
if [ ! -e "$stamp" ] || [ pyproject.toml -nt "$stamp" ] || [ constraints.txt -nt "$stamp" ]; then
  if [ -n "${RECIST_TORCH_INDEX:-}" ]; then
    install torch --index-url "$RECIST_TORCH_INDEX"
  fi
  install --editable ".[$1]"
  touch "$stamp"
fi
export PATH="$PWD/.venv/bin:$PATH"
