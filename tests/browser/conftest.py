"""A real browser before a real server: Chromium driven by Playwright, and a house of its own for each test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from mitregate.stores.schema import migrate
from tests.acceptance.callers import App, Person
from tests.acceptance.house import House, Server, open_house
from tests.chromium import ARGUMENTS

PATIENCE_MS = 15_000.0

Open = Callable[..., Page]


class Site:
    """A server with its first user and one app."""

    def __init__(self, house: House) -> None:
        self.server: Server = house.serve()
        self.person: Person = house.first_user(self.server)
        self.app: App = house.app(self.person, "ci")

    @property
    def url(self) -> str:
        """Where it is."""
        return self.server.url


# Playwright keeps an event loop running in this thread for as long as it lives: not longer than for these tests.
@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """The browser."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        yield started
        started.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house on SQLite in which nothing runs yet."""
    url = f"sqlite:///{tmp_path}/gate.db"
    migrate(url)
    with open_house(tmp_path, url) as kept:
        yield kept


@pytest.fixture
def site(house: House) -> Site:
    """A server with somebody in it."""
    return Site(house)


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Open a page in a window of its own; whatever the browser complains about fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def opened(url: str, **look: Any) -> Page:
        context = browser.new_context(**look)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
