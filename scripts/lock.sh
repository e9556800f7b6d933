#!/bin/sh
# Write requirements.lock and requirements-dev.lock anew, for every platform and Python at once.
#
# Names, versions and hashes of PyPI's own files only: this machine's extra indexes and folders are left out of it, and
# no address gets into the lock files.
set -eu
cd "$(dirname "$0")/.."

unset PIP_FIND_LINKS PIP_INDEX_URL PIP_EXTRA_INDEX_URL UV_FIND_LINKS UV_INDEX UV_DEFAULT_INDEX || true
lock() {
    .venv/bin/uv pip compile --quiet --upgrade --universal --generate-hashes --no-config \
        --no-header --no-annotate --no-emit-index-url --no-emit-find-links pyproject.toml "$@"
}

lock --group build --output-file requirements.lock
lock --group build --group dev --constraints requirements.lock --output-file requirements-dev.lock
