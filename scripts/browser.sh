#!/bin/sh
# See to it that there is a Chromium for the browser tests: use what is there, install Debian's where we may, else say how.
set -eu
cd "$(dirname "$0")/.."

for name in "${MITREGATE_TEST_BROWSER:-}" chromium chromium-browser google-chrome google-chrome-stable; do
    [ -n "$name" ] && command -v "$name" >/dev/null 2>&1 && exit 0
done
for path in /Applications/Chromium.app /Applications/Google\ Chrome.app; do
    [ -d "$path" ] && exit 0
done

sh scripts/debian.sh "the browser tests" chromium && exit 0 || [ $? = 2 ] || exit 1

cat >&2 <<WORDS
The browser tests need Chromium or Chrome, and there is none on this machine. Install it:

    Debian:  sudo apt-get install chromium
    Ubuntu:  sudo snap install chromium
    macOS:   brew install --cask chromium

or name one: MITREGATE_TEST_BROWSER=/path/to/chromium make test
WORDS
exit 1
