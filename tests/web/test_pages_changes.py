"""The pages of changes: how risky, who must still approve, what conflicts, and which deployments rely on one."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from mitregate.core.calendar import Window
from mitregate.core.changes import Change
from mitregate.core.deployments import Associations
from mitregate.flows import review
from tests.web.browsing import Browser
from tests.web.stage import ROOT, Stage

Visit = Callable[[str], Awaitable[Browser]]


@pytest.fixture
def visit(stage: Stage) -> Visit:
    """Sign somebody in, by role."""

    async def signed_in(who: str) -> Browser:
        browser = Browser(stage)
        await browser.sign_in(who)
        return browser

    return signed_in


async def rule(stage: Stage, **rules: object) -> None:
    """Put rules in force."""
    assert (await stage.client("admin").put("/api/v1/rules", json=rules)).status_code == 200


async def prepare(stage: Stage, title: str) -> Change:
    """Prepare a change for the ledger in an hour, for two hours."""
    start = stage.clock() + timedelta(hours=1)
    window = Window(start=start, end=start + timedelta(hours=2))
    draft = review.Draft(title=title, services=("ledger",), window=window)
    return await stage.office.transact(ROOT, review.prepare, draft)


async def test_a_change_says_who_must_still_approve_it(stage: Stage, visit: Visit) -> None:
    """Risk, needs and progress stand on the page; who approved at the peer review is told that another must now."""
    await rule(stage, workflow={"cab_from": "medium"})
    await stage.submit()
    browser = await visit("approver")
    page = await browser.see("/changes/CHG-1")
    assert "medium: production environment, no known service, counted as tier 2" in page.text
    assert "0 of 2. 2 persons must approve it, each once." in page.text
    assert "1: the risk is medium, and from medium on the CAB is asked" in page.text
    await browser.send("/changes/CHG-1", "/changes/CHG-1/approve")
    page = await browser.see("/changes/CHG-1")
    assert "1 of 2. Another person must approve it for the CAB; done by approver." in page.text
    assert "approver has approved CHG-1 at the peer review, and one person counts once." in page.text
    assert "/changes/CHG-1/approve" not in page.forms
    assert "/changes/CHG-1/decline" in page.forms
    board = await browser.see("/")
    assert "Another approver must approve CHG-1." in board.text
    other = await visit("admin")
    assert "at the peer review" not in (await other.see("/changes/CHG-1")).text
    await other.send("/changes/CHG-1", "/changes/CHG-1/approve")
    page = await other.see("/changes/CHG-1")
    assert "2 of 2" in page.text
    assert "allowed" in page.text


async def test_a_prepared_change_is_decided_on_its_page(stage: Stage, visit: Visit) -> None:
    """What nothing waits for yet can be approved on its page."""
    await prepare(stage, "Move the ledger")
    browser = await visit("approver")
    page = await browser.see("/changes/CHG-1")
    assert "No deployment relies on this change yet: it is found by its number, or by exactly its title." in page.text
    await browser.send("/changes/CHG-1", "/changes/CHG-1/approve")
    page = await browser.see("/changes/CHG-1")
    assert "1 of 1" in page.text
    assert "/changes/CHG-1/approve" not in page.forms


async def test_conflicts_stand_before_the_button(stage: Stage, visit: Visit) -> None:
    """The page of a change and the board warn of conflicts before anybody approves, with windows and services."""
    await prepare(stage, "Move the ledger")
    await prepare(stage, "Mend the ledger")
    await stage.submit(1, properties={"changeRequest": "CHG-2"}, associations=Associations(services=("ledger",)))
    browser = await visit("approver")
    page = await browser.see("/changes/CHG-2")
    assert "1 conflict" in page.text
    assert "Another change is planned for the same time, and concerns the same services" in page.text
    assert "CHG-1 Move the ledger" in " ".join(page.text.split())
    assert "ledger; opened before this one" in page.text
    assert page.html.index("conflict") < page.html.index("Approve CHG-2")
    board = await browser.see("/")
    assert "It conflicts with CHG-1, planned for the same services at the same time" in board.text
    await browser.send("/changes/CHG-1", "/changes/CHG-1/decline")
    assert "conflict" not in (await browser.see("/changes/CHG-2")).text
    assert "conflicts" not in (await browser.see("/")).text


async def test_deployments_that_share_a_change_stand_side_by_side(stage: Stage, visit: Visit) -> None:
    """Every deployment that waits for a change is listed with how far its approvals have come."""
    await stage.submit(1, label="2")
    await stage.submit(2, label="2")
    browser = await visit("approver")
    page = await browser.see("/changes/CHG-1")
    assert "2 deployments wait for this one change; what is decided here is decided for all of them." in page.text
    assert page.text.count("0 of 1 approvals") == 2
    await browser.send("/changes/CHG-1", "/changes/CHG-1/approve")
    assert (await browser.see("/")).text.count("allowed") >= 2


async def test_an_emergency_is_made_on_its_page(stage: Stage, visit: Visit) -> None:
    """Who may override makes a change an emergency and back; who may not is told whom to ask, and has no button."""
    await stage.submit()
    manager, approver = await visit("change_manager"), await visit("approver")
    assert "/changes/CHG-1/type" not in (await approver.see("/changes/CHG-1")).forms
    await manager.send("/changes/CHG-1", "/changes/CHG-1/type", type="emergency", comment="Fire")
    page = await approver.see("/changes/CHG-1")
    assert "it is an emergency, which passes freezes" in page.text
    assert "Ask a change manager or an administrator to approve it." in page.text
    assert "/changes/CHG-1/approve" not in page.forms
    page = await manager.see("/changes/CHG-1")
    assert "Make it a normal change" in page.text
    await manager.send("/changes/CHG-1", "/changes/CHG-1/type", type="normal")
    assert "/changes/CHG-1/approve" in (await approver.see("/changes/CHG-1")).forms


async def test_the_end_of_a_wait_is_shown(stage: Stage, visit: Visit) -> None:
    """A wait that ends by itself says when, on the board and in the API; one that ended says what took its place."""
    await rule(stage, waiting=[{"name": "all", "expires_after": "2d", "supersede": True}])
    first = await stage.submit(1)
    browser = await visit("viewer")
    assert "ends in 2 days" in (await browser.see("/")).text
    shown = (await stage.client("viewer").get(f"/api/v1/gates/{first.id}")).json()
    assert shown["endsAt"] == "2026-03-03T12:00:00Z"
    await stage.submit(2)
    shown = (await stage.client("viewer").get(f"/api/v1/gates/{first.id}")).json()
    assert shown["ended"] == {
        "code": "superseded",
        "at": "2026-03-01T12:00:00Z",
        "successor": "shop 1.2, number 2 of pipe",
    }
    page = await browser.see(f"/gates/{first.id}")
    assert "superseded by shop 1.2, number 2 of pipe" in page.text
    stage.clock.advance(days=2)
    assert "Nobody decided until" in (await (await visit("viewer")).see("/")).text


async def test_a_change_that_is_not_there_is_no_link(stage: Stage, visit: Visit) -> None:
    """A number that a deployment names without there being such a change is shown, but leads nowhere."""
    gate = await stage.submit(1, properties={"changeRequest": "CHG-77"})
    browser = await visit("viewer")
    board, page = await browser.see("/"), await browser.see(f"/gates/{gate.id}")
    for seen in (board, page):
        assert "CHG-77" in seen.text
        assert "/changes/CHG-77" not in seen.links
    assert "there was no such change" in page.text
