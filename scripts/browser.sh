#!/bin/sh
# See to it that there is a Chromium for the browser tests: use what is there, install Debian's where we may, else say how.
set -eu

for name in "${MITREGATE_TEST_BROWSER:-}" chromium chromium-browser google-chrome google-chrome-stable; do
    [ -n "$name" ] && command -v "$name" >/dev/null 2>&1 && exit 0
done
for path in /Applications/Chromium.app /Applications/Google\ Chrome.app; do
    [ -d "$path" ] && exit 0
done

if command -v apt-get >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ]; then
        as_root=""
    elif [ "${CI:-}" = true ] && command -v sudo >/dev/null 2>&1; then
        as_root="sudo"
    else
        as_root="nobody"
    fi
    if [ "$as_root" != nobody ]; then
        echo "Installing Chromium for the browser tests"
        log=$(mktemp)
        if { $as_root apt-get update && $as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install --yes --no-install-recommends chromium; } >"$log" 2>&1; then
            rm -f "$log"
            exit 0
        fi
        cat "$log" >&2
        rm -f "$log"
        exit 1
    fi
fi

cat >&2 <<WORDS
The browser tests need Chromium or Chrome, and there is none on this machine. Install it:

    Debian:  sudo apt-get install chromium
    Ubuntu:  sudo snap install chromium
    macOS:   brew install --cask chromium

or name one: MITREGATE_TEST_BROWSER=/path/to/chromium make test
WORDS
exit 1
