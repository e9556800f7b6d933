"""The browser of this machine that browser tests drive, through Playwright's `executable_path`."""

import os
import shutil
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ON_MACOS = (
    Path("/Applications/Chromium.app/Contents/MacOS/Chromium"),
    Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
)

#: Without these Chromium looks for Google's hosts at every start; a sandbox cannot be had as root.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class BrowserMissing(Exception):
    """There is no Chromium on this machine; run `make browser`, or install it: apt-get install chromium."""


def find_chromium() -> str:
    """Find the browser: the one `MITREGATE_TEST_BROWSER` names, else Chromium or Chrome.

    Returns:
        The path of its executable.

    Raises:
        BrowserMissing: There is none.
    """
    named = os.environ.get("MITREGATE_TEST_BROWSER")
    if named:
        return named
    for found in (*map(shutil.which, NAMES), *(str(path) for path in ON_MACOS if path.exists())):
        if found is not None:
            return found
    raise BrowserMissing(BrowserMissing.__doc__)
