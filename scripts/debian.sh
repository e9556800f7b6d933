#!/bin/sh
# Install Debian packages where we may: as root, or with sudo in CI. Ends with 2 where we may not.
#
# `scripts/debian.sh "the browser tests" chromium`: what they are for, and their names.
set -eu

purpose=$1
shift
command -v apt-get >/dev/null 2>&1 || exit 2
if [ "$(id -u)" = 0 ]; then
    as_root=""
elif [ "${CI:-}" = true ] && command -v sudo >/dev/null 2>&1; then
    as_root="sudo"
else
    exit 2
fi

echo "Installing $* for $purpose"
log=$(mktemp)
if { $as_root apt-get update && $as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install --yes --no-install-recommends "$@"; } >"$log" 2>&1; then
    rm -f "$log"
    exit 0
fi
cat "$log" >&2
rm -f "$log"
exit 1
