"""The pages in a real browser: the whole way from the set-up to an open gate, and whether everybody can use them."""

import contextlib
import json
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.acceptance.callers import Person, deployment
from tests.acceptance.house import SETUP_TOKEN, House
from tests.browser.conftest import Open, Site

pytestmark = pytest.mark.xdist_group("browser")

LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RULES = {"runOnly": {"type": "tag", "values": LEVELS}}

WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 360, "height": 740}
"""The smallest phone that is common."""


def sign_in(page: Page, token: str) -> None:
    """Fill in the form for signing in."""
    page.get_by_label("API token").fill(token)
    page.get_by_role("button", name="Sign in").click()


def offences(page: Page) -> list[str]:
    """List what keeps somebody from using a page, by WCAG 2.2 AA."""
    found = Axe().run(page, options=RULES)
    return [
        f"{page.url} {rule['id']}: {node['target']} {node['html'][:120]}"
        for rule in found.response["violations"]
        for node in rule["nodes"]
    ]


def test_a_waiting_gate_is_approved(site: Site, open_page: Open) -> None:
    """Somebody signs in, sees a deployment that waits and why, approves it with a comment, and sees it allowed."""
    wanted = deployment()
    site.app.submit(wanted)
    page = open_page(site.url)
    expect(page).to_have_url(f"{site.url}/login?next=/")
    sign_in(page, site.person.token)
    card = page.get_by_role("article", name=re.compile("checkout v1 .* prod"))
    expect(card).to_contain_text("waits for approval")
    expect(card).to_contain_text("An approver must approve CHG-1.")
    assert site.app.status(wanted) == "awaiting"
    card.get_by_label("Comment (optional)").fill("Seen it")
    card.get_by_role("button", name="Approve CHG-1").click()
    expect(page.get_by_role("status")).to_have_text("Approved.")
    card = page.get_by_role("article", name=re.compile("checkout v1 .* prod"))
    expect(card.locator(".badge")).to_have_text("allowed")
    expect(page.get_by_role("region", name="Recent decisions")).to_contain_text("approved by Ada")
    assert site.app.status(wanted) == "allowed"


def test_a_change_is_planned_then_declined(site: Site, open_page: Open) -> None:
    """On its page a change gets a window and a comment, and is declined; its gate says so at once."""
    wanted = deployment()
    site.app.submit(wanted)
    page = open_page(f"{site.url}/changes/CHG-1")
    sign_in(page, site.person.token)
    page.get_by_label("Opens").fill("2999-03-01T22:00:00")
    page.get_by_role("button", name="Plan").click()
    expect(page.get_by_role("status")).to_have_text("The window was planned.")
    expect(page.get_by_role("region", name="Gates")).to_contain_text("2999-03-01 22:00:00 UTC")
    page.get_by_label("Add a comment").fill("Not this year")
    page.get_by_role("button", name="Comment").click()
    expect(page.get_by_role("region", name="Comments")).to_contain_text("Not this year")
    page.get_by_role("button", name="Decline CHG-1").click()
    expect(page.get_by_role("region", name="Gates").locator(".badge")).to_have_text("prevented")
    assert site.app.status(wanted) == "prevented"


def test_the_first_user_is_made_from_the_address_that_is_printed(house: House, open_page: Open) -> None:
    """The address that a new server prints leads to the set-up; what the empty board says to submit is accepted."""
    server = house.serve()
    page = open_page(f"{server.url}/setup?token={server.says(SETUP_TOKEN)}")
    page.get_by_label("Your name").fill("Ada")
    page.get_by_role("button", name="Make the first user").click()
    token = page.locator("#token").inner_text()
    page.get_by_role("link", name="To the gates").click()
    expect(page.get_by_role("heading", name="No deployment has asked yet")).to_be_visible()
    command = page.locator("pre", has_text="/bulk").inner_text()
    path, body = re.search(r"curl \S+?(/jira\S+) .*-d '(.*)'", command, re.DOTALL).groups()  # type: ignore[union-attr]
    with contextlib.closing(Person(server.url, token)) as person:
        app = house.app(person, "first")
    app.log_in()
    accepted = app.ask("POST", path, json=json.loads(body)).expect(202).json["acceptedDeployments"]
    assert len(accepted) == 1
    page.reload()
    expect(page.get_by_role("article", name=re.compile("shop 1.0 .* production"))).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status")).to_have_text("You are signed out.")
    sign_in(page, token)
    expect(page.get_by_role("heading", name="Gates", exact=True)).to_be_visible()


def test_an_approval_needs_no_mouse(site: Site, open_page: Open) -> None:
    """With the keyboard alone one gets past the header, to the comment, and to the button that approves."""
    site.app.submit(deployment())
    page = open_page(site.url)
    sign_in(page, site.person.token)
    expect(page.get_by_role("heading", name="Gates", exact=True)).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    button = page.get_by_role("button", name="Approve CHG-1")
    for _ in range(8):
        page.keyboard.press("Tab")
        if button.evaluate("element => element === document.activeElement"):
            break
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Approved.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_everybody_can_use_the_pages(site: Site, open_page: Open, scheme: str, size: dict[str, int]) -> None:
    """No page offends against WCAG 2.2 AA or is wider than the screen, light or dark, on a desk or on a phone."""
    for number in (1, 2, 3):
        site.app.submit(deployment(number))
    site.person.approve("CHG-2", "ok")
    site.person.decline("CHG-3", "no")
    gate = site.person.get("/gates")["items"][0]
    page = open_page(site.url, color_scheme=scheme, viewport=size)
    found = offences(page)
    sign_in(page, site.person.token)
    expect(page.get_by_role("heading", name="Gates", exact=True)).to_be_visible()
    paths = ("/", "/changes/CHG-1", "/changes/CHG-2", f"/gates/{gate['id']}", "/setup", "/api/docs", "/?said=approved")
    for path in paths:
        page.goto(site.url + path)
        found += offences(page)
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            found.append(f"{path} is wider than the screen")
    assert found == []
