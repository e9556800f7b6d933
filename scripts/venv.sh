#!/bin/sh
# Make .venv, or bring it up to date, from a lock file: `scripts/venv.sh requirements.lock`.
#
# With uv where it is present, else with venv and pip. Every download is checked against the hash in the lock file, the
# build backend included; nothing is resolved anew. The package itself is installed editable.
set -eu

lock=$1
here=$(cd "$(dirname "$0")/.." && pwd)
venv="$here/.venv"
cd "$here"

export UV_PYTHON_DOWNLOADS=never PIP_DISABLE_PIP_VERSION_CHECK=1
unset VIRTUAL_ENV PYTHONHOME || true

uv="" # one that is broken is as good as none
command -v uv >/dev/null 2>&1 && uv --version >/dev/null 2>&1 && uv=uv

if [ -e "$venv" ] && ! "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11))' >/dev/null 2>&1; then
    echo ".venv does not work any more (its Python is gone, or too old): making a new one"
    rm -rf "$venv"
fi

if [ ! -e "$venv" ]; then
    python=$(sh scripts/python.sh)
    echo "Making .venv with $("$python" --version) ($python)"
    if [ -n "$uv" ]; then
        uv venv --quiet --no-config --python "$python" "$venv"
    else
        "$python" -m venv "$venv"
    fi
fi

echo "Installing what $lock lists"
if [ -n "$uv" ]; then
    uv pip install --quiet --no-config --python "$venv/bin/python" --require-hashes -r "$lock"
    uv pip install --quiet --no-config --python "$venv/bin/python" --no-deps --no-build-isolation --editable .
else
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$venv/bin/python" -m ensurepip >/dev/null
    "$venv/bin/python" -m pip install --quiet --require-hashes -r "$lock"
    "$venv/bin/python" -m pip install --quiet --no-deps --no-build-isolation --editable .
fi
