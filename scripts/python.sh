#!/bin/sh
# Print the path of the newest Python on this machine that Mitregate runs on, or say in words what to install.
#
# PYTHON=… chooses one by hand. Whether pip and venv come with it matters only where uv is missing.
set -u

oldest="3.11"
checks='import sys, ssl, sqlite3; sys.exit(sys.version_info[:2] < (3, 11) or sys.implementation.name != "cpython")'
command -v uv >/dev/null 2>&1 || checks="import ensurepip, venv; $checks"

works() { # a pyenv shim may be there for a version which is not
    "$1" -c "$checks" >/dev/null 2>&1
}

if [ -n "${PYTHON:-}" ]; then
    works "$PYTHON" && command -v "$PYTHON" && exit 0
    echo "PYTHON=$PYTHON will not do: it has to be CPython $oldest or later, with venv, ensurepip and sqlite3." >&2
    exit 1
fi

for name in python3.14 python3.13 python3.12 python3.11 python3 python; do
    # Every directory of PATH is looked at: the first match may be a broken one.
    found=$(printf '%s' "$PATH" | tr ':' '\n' | while IFS= read -r folder; do
        [ -x "$folder/$name" ] && works "$folder/$name" && printf '%s' "$folder/$name" && break
    done)
    [ -n "$found" ] && printf '%s\n' "$found" && exit 0
done

for name in python3.14 python3.13 python3.12 python3.11 python3; do
    if "$name" -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11))' >/dev/null 2>&1; then
        version=$("$name" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        cat >&2 <<WORDS
Found Python $version ($(command -v "$name")), but its venv or pip part is missing, which Debian and Ubuntu ship apart. Install it:

    sudo apt-get install python$version-venv

or install uv (https://docs.astral.sh/uv/), which brings what it needs. Then run make again.
WORDS
        exit 1
    fi
done

cat >&2 <<WORDS
Mitregate needs Python $oldest or later, and there is none on this machine. Install one:

    Debian, Ubuntu:  sudo apt-get install python3 python3-venv
    macOS:           brew install python

Then run make again, or name one by hand: make setup PYTHON=/path/to/python3
WORDS
exit 1
