#!/bin/sh
# See to it that the clients from npm which tests/clients drives are there, as its lock file says.
#
# Node: use what is there, install Debian's where we may. Without it those tests are skipped, though never in CI.
set -eu
cd "$(dirname "$0")/.."

clients=tests/clients
installed=$clients/node_modules/.installed # the lock file they were installed by

has_node() {
    command -v npm >/dev/null 2>&1 && node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' 2>/dev/null
}

if ! has_node; then
    sh scripts/debian.sh "the tests with real clients" nodejs npm || [ $? = 2 ] || exit 1
fi
if ! has_node; then
    cat >&2 <<WORDS
The tests with real clients need Node 18 or later with npm, and there is none on this machine. Install it:

    Debian, Ubuntu:  sudo apt-get install nodejs npm
    macOS:           brew install node
WORDS
    case "${CI:-}" in
        "" | 0 | false) echo "They are skipped." >&2 && exit 0 ;;
        *) exit 1 ;;
    esac
fi

cmp -s "$clients/package-lock.json" "$installed" && exit 0
echo "Installing the clients that $clients/package-lock.json lists"
# No script of a package is run, and what only some machines need is left out: tunnels to the outside.
npm ci --prefix "$clients" --ignore-scripts --omit=optional --no-audit --no-fund --no-update-notifier --loglevel=error
cp "$clients/package-lock.json" "$installed"
