"""The pages: what waits and why, and the forms to decide about it."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from mitregate.core.deployments import Environment, EnvironmentType, Pipeline, State
from mitregate.core.jobs import Outcome, Result
from mitregate.flows import deliver
from mitregate.flows.act import Act
from tests.web.browsing import Browser
from tests.web.stage import BASE_URL, ROOT, Stage

Visit = Callable[[str], Awaitable[Browser]]


@pytest.fixture
def visit(stage: Stage) -> Visit:
    """Sign somebody in, by role."""

    async def signed_in(who: str) -> Browser:
        browser = Browser(stage)
        await browser.sign_in(who)
        return browser

    return signed_in


async def test_an_empty_board_says_how_to_begin(visit: Visit) -> None:
    """While no deployment has asked, the first page tells how to submit one, with this server's address."""
    page = await (await visit("viewer")).see("/")
    assert f"curl -s {BASE_URL}/oauth/token" in page.text
    assert f"curl {BASE_URL}/jira/deployments/0.1/cloud/cloud/bulk" in page.text
    assert "initiate_deployment_gating" in page.text


async def test_the_board_says_what_waits_and_why(stage: Stage, visit: Visit) -> None:
    """A waiting gate is shown with its project, version, environment, age, every reason and remedy, change and link."""
    gate = await stage.submit()
    await stage.plan(gate, stage.clock() + timedelta(hours=2), None)
    gate = await stage.submit(update_sequence_number=2)
    stage.clock.advance(minutes=5)
    page = await (await visit("viewer")).see("/")
    assert len(gate.verdict.reasons) == 2
    for reason in gate.verdict.reasons:
        assert reason.message in page.text
        assert reason.remedy in page.text
    for words in ("shop 1.1", "production", "5 minutes", "2026-03-01 14:00:00 UTC", "CHG-1"):
        assert words in page.text
    assert ("time", {"datetime": "2026-03-01T12:00:00Z"}) in page.tags
    assert {"/changes/CHG-1", f"/gates/{gate.id}", "https://ci.example.com/run/1"} <= set(page.links)


async def test_the_board_is_in_order(stage: Stage, visit: Visit) -> None:
    """What waits comes first, then what was decided but has not started; what has started is gone."""
    await stage.submit(1)
    await stage.approve(await stage.submit(2))
    await stage.submit(3)
    await stage.approve(await stage.submit(4))
    await stage.submit(4, update_sequence_number=2, state=State.IN_PROGRESS)
    text = (await (await visit("viewer")).see("/")).text
    assert text.index("shop 1.3") < text.index("shop 1.1") < text.index("shop 1.2")
    assert "approved by root" in text
    assert "shop 1.4" not in text.partition("Recent decisions")[0]


@pytest.mark.parametrize("path", ["/", "/changes/CHG-1", "/gates/{}"])
async def test_what_is_overdue_is_decided_anew(stage: Stage, visit: Visit, path: str) -> None:
    """A gate whose window has closed is on no page as allowed, though no worker runs."""
    gate = await stage.submit()
    await stage.plan(gate, None, stage.clock() + timedelta(hours=1))
    await stage.approve(gate)
    browser = await visit("viewer")
    assert ("span", {"class": "badge allowed"}) in (await browser.see(path.format(gate.id))).tags
    stage.clock.advance(hours=2)
    page = await browser.see(path.format(gate.id))
    assert ("span", {"class": "badge prevented"}) in page.tags
    assert ("span", {"class": "badge allowed"}) not in page.tags


async def test_a_long_board_has_pages(stage: Stage, visit: Visit) -> None:
    """More than fifty waiting gates are shown in pages, and none is left out."""
    for number in range(1, 53):
        await stage.submit(number)
    browser = await visit("viewer")
    first = await browser.see("/")
    (older,) = [link for link in first.links if link.startswith("/?before=")]
    second = await browser.see(older)
    gates = {link for page in (first, second) for link in page.links if link.startswith("/gates/")}
    assert len(gates) == 52


async def test_an_approval_on_the_board_lets_go(stage: Stage, visit: Visit) -> None:
    """The button approves with the comment, leads back to the board, and says what was done."""
    await stage.submit()
    browser = await visit("approver")
    reply = await browser.send("/", "/changes/CHG-1/approve", comment="Go ahead")
    assert reply.headers["location"] == "/?said=approved"
    page = await browser.follow(reply)
    assert "Approved." in page.text
    assert "Go ahead" in page.text
    assert ("span", {"class": "badge allowed"}) in page.tags
    assert "/changes/CHG-1/approve" not in page.forms


async def test_declining_on_the_board_prevents(stage: Stage, visit: Visit) -> None:
    """The other button declines."""
    await stage.submit()
    browser = await visit("approver")
    page = await browser.follow(await browser.send("/", "/changes/CHG-1/decline", comment="No"))
    assert "Declined." in page.text
    assert ("span", {"class": "badge prevented"}) in page.tags


async def test_only_who_may_decide_has_buttons(stage: Stage, visit: Visit) -> None:
    """A viewer sees what waits but no form, and a form sent all the same is refused."""
    gate = await stage.submit()
    browser = await visit("viewer")
    for path in ("/", "/changes/CHG-1", f"/gates/{gate.id}"):
        assert set((await browser.see(path)).forms) <= {"/logout", "/changes/CHG-1/comment"}
    token = (await browser.see("/")).forms["/logout"]["form_token"]
    for action in ("approve", "decline", "plan"):
        reply = await browser.post(f"/changes/CHG-1/{action}", form_token=token)
        assert reply.status_code == 403
        assert "permission" in reply.text


async def test_what_changed_since_it_was_shown_is_not_approved(stage: Stage, visit: Visit) -> None:
    """An approval of a page that is out of date is refused: nobody approves what they have not seen."""
    await stage.submit()
    browser = await visit("approver")
    page = await browser.see("/")
    await stage.submit(update_sequence_number=2, label="6.6.6")
    form = page.forms["/changes/CHG-1/approve"]
    reply = await browser.post("/changes/CHG-1/approve", **form)
    assert reply.status_code == 409
    assert "changed after CHG-1 was shown" in reply.text
    assert "6.6.6" in (await browser.see("/")).text
    assert (await browser.send("/", "/changes/CHG-1/approve")).status_code == 303


async def test_the_page_of_a_change_plans_and_comments(stage: Stage, visit: Visit) -> None:
    """The page of a change takes a window in UTC and a comment, and shows both."""
    await stage.submit()
    browser = await visit("change_manager")
    here = "/changes/CHG-1"
    reply = await browser.send(here, f"{here}/plan", start="2026-03-02T01:00", end="2026-03-02T03:00:00")
    assert reply.headers["location"] == f"{here}?said=planned"
    page = await browser.follow(reply)
    assert "2026-03-02 01:00:00 UTC" in page.text
    assert page.forms[f"{here}/plan"]["end"] == "2026-03-02T03:00:00"
    page = await browser.follow(await browser.send(here, f"{here}/comment", comment="Ask Ann\nfirst"))
    assert "Ask Ann\nfirst" in page.text


async def test_the_page_of_a_change_moves_it(stage: Stage, visit: Visit) -> None:
    """A transition that is possible is a button; the one pressed is taken."""
    await stage.submit()
    browser = await visit("change_manager")
    reply = await browser.send("/changes/CHG-1", "/changes/CHG-1/move", transition="Cancel")
    page = await browser.follow(reply)
    assert "Canceled" in page.text
    assert "/changes/CHG-1/plan" not in page.forms


async def test_an_override_of_what_was_not_seen_is_refused(stage: Stage, visit: Visit) -> None:
    """The emergency override is an approval, and is bound to what was shown as any other."""
    await stage.submit()
    browser = await visit("change_manager")
    form = (await browser.see("/changes/CHG-1")).forms["/changes/CHG-1/move"] | {"transition": "Emergency override"}
    await stage.submit(update_sequence_number=2, label="6.6.6")
    assert (await browser.post("/changes/CHG-1/move", **form)).status_code == 409
    reply = await browser.send("/changes/CHG-1", "/changes/CHG-1/move", transition="Emergency override")
    assert reply.status_code == 303


@pytest.mark.parametrize(
    ("action", "fields", "status"),
    [
        ("plan", {"start": "soon"}, 400),
        ("plan", {"start": "2026-03-02T00:00", "end": "2026-03-01T00:00"}, 400),
        ("comment", {"comment": " "}, 400),
        ("move", {"transition": "Close"}, 409),
        ("move", {"transition": "Fly"}, 400),
    ],
)
async def test_a_form_that_cannot_be_carried_out_is_a_page(
    stage: Stage, visit: Visit, action: str, fields: dict[str, str], status: int
) -> None:
    """What a form asks for in vain is answered by a page with advice and a way back, not by JSON."""
    await stage.submit()
    browser = await visit("change_manager")
    reply = await browser.send("/changes/CHG-1", f"/changes/CHG-1/{action}", **fields)
    assert reply.status_code == status
    assert reply.headers["content-type"].startswith("text/html")
    assert 'role="alert"' in reply.text
    assert '<a href="/changes/CHG-1">Back to the change</a>' in reply.text


async def test_the_page_of_a_gate_tells_its_story(stage: Stage, visit: Visit) -> None:
    """The page of a gate shows reasons, deliveries with their tries, and to auditors the history."""
    await stage.add_app("called", callback_url="https://ci.example.com/hook")
    gate = await stage.submit(app="called")

    def fail(act: Act) -> None:
        (claimed,) = deliver.claim(act, 1, ())
        outcome = Outcome(result=Result.NEVER, detail="The receiver said no", status=404)
        assert deliver.finish(act, claimed, outcome, act.now, timedelta(milliseconds=12))

    await stage.office.transact(ROOT, fail)
    page = await (await visit("auditor")).see(f"/gates/{gate.id}")
    told = ("webhook, to tell “awaiting”: dead", "The receiver said no", "404", "12 ms")
    for words in (*told, "gate.opened by called", "History"):
        assert words in page.text
    assert gate.verdict.reasons[0].message in page.text


async def test_the_board_says_whose_app_was_not_told(stage: Stage, visit: Visit) -> None:
    """A gate whose app refused to be told says so on the board, in words, until it is told something again."""
    await stage.add_app("called", callback_url="https://ci.example.com/hook")
    gate = await stage.submit(app="called")
    words = "Its app was not told “awaiting”: HTTP 404: The app knows no such address."
    viewer = await visit("viewer")

    def end(act: Act, result: Result = Result.DONE, detail: str = "") -> None:
        (claimed,) = deliver.claim(act, 1, ())
        assert deliver.finish(act, claimed, Outcome(result=result, detail=detail), act.now, timedelta())

    await stage.office.transact(ROOT, end, Result.NEVER, "HTTP 404: The app knows no such address.")
    board = await viewer.see("/")
    assert words in board.text
    assert f"/gates/{gate.id}#deliveries" in board.links
    await stage.approve(gate)
    await stage.office.transact(ROOT, end)
    assert "was not told" not in (await viewer.see("/")).text


async def test_an_operator_retries_a_dead_delivery(stage: Stage, visit: Visit) -> None:
    """The operator's button opens a dead delivery again; others have no such button."""
    await stage.add_app("called", callback_url="https://ci.example.com/hook")
    gate = await stage.submit(app="called")
    browser, viewer = await visit("operator"), await visit("viewer")
    page = await browser.see(f"/gates/{gate.id}")
    (action,) = [action for action in page.forms if action.endswith("/retry")]
    shown = await browser.follow(await browser.send(f"/gates/{gate.id}", action))
    assert "tried again at once" in shown.text
    assert not [action for action in (await viewer.see(f"/gates/{gate.id}")).forms if action.endswith("/retry")]


@pytest.mark.parametrize("path", ["/changes/CHG-9", "/changes/x", "/gates/none", "/none"])
async def test_what_is_not_there_is_a_page(visit: Visit, path: str) -> None:
    """An address that leads nowhere is answered by a page with advice."""
    page = await (await visit("viewer")).see(path, status=404)
    assert "Not Found" in page.text
    assert "/" in page.links


async def test_outside_text_stays_text(stage: Stage, visit: Visit) -> None:
    """Whatever a pipeline calls itself is shown as text, on every page; only http and https links are links."""
    evil = '<script>alert("1")</script>\'"><img src=x onerror=alert(1)>'
    gate = await stage.submit(
        display_name=evil,
        label=evil,
        description=evil,
        url="javascript:alert(1)",
        pipeline=Pipeline(id=evil, display_name=evil, url="javascript:alert(1)"),
        environment=Environment(id="prod", display_name=evil, type=EnvironmentType.PRODUCTION),
    )
    browser = await visit("admin")
    await browser.send("/changes/CHG-1", "/changes/CHG-1/comment", comment=evil)
    await browser.send("/", "/changes/CHG-1/decline", comment=evil)
    for path in ("/", "/changes/CHG-1", f"/gates/{gate.id}"):
        page = await browser.see(path)
        assert evil in page.text
        assert {tag for tag, _ in page.tags}.isdisjoint({"script"})
        assert all(given.get("src", "").startswith("/static/") for tag, given in page.tags if tag == "img")
        assert not [link for link in page.links if "javascript" in link]


async def test_links_to_the_outside_reveal_nothing(stage: Stage, visit: Visit) -> None:
    """A link to a pipeline does not give the other side a way back or an address."""
    await stage.submit()
    page = await (await visit("viewer")).see("/")
    (given,) = [given for tag, given in page.tags if tag == "a" and given["href"].startswith("https://")]
    assert given["rel"] == "noopener noreferrer"


async def test_no_page_needs_a_script_or_a_style_of_its_own(stage: Stage, visit: Visit) -> None:
    """Nothing on a page would need the policy for content to be any laxer."""
    gate = await stage.submit()
    browser = await visit("admin")
    for path in ("/", "/changes/CHG-1", f"/gates/{gate.id}", "/login", "/setup", "/api/docs"):
        for tag, given in (await browser.see(path)).tags:
            assert tag not in {"script", "style"}
            assert not [name for name in given if name == "style" or name.startswith("on")]


async def test_the_board_says_what_is_frozen(stage: Stage, visit: Visit) -> None:
    """Freezes that hold are told at the top of the board with end and reason, those to come are not; none, nothing."""
    browser = await visit("viewer")
    await stage.submit()
    assert "Frozen" not in (await browser.see("/")).text
    later = {"start": "2026-04-01", "end": "2026-04-02"}
    for body in (
        {"name": "year end", "when": {"start": "2026-02-01", "end": "2026-03-02"}, "reason": "Annual accounts"},
        {"name": "incident"},
        {"name": "spring", "when": later},
    ):
        await stage.client("admin").post("/api/v1/freezes", json=body)
    page = (await browser.see("/")).text
    assert "The freeze “year end” holds until 2026-03-02 23:59:59 UTC." in page
    assert "Annual accounts" in page
    assert "The freeze “incident” holds until somebody ends it." in page
    assert "spring" not in page


async def test_a_gate_says_who_overrode_its_freeze(stage: Stage, visit: Visit) -> None:
    """The page of a gate that was let pass a freeze says which one, by whom and why."""
    gate = await stage.submit()
    await stage.client("admin").post("/api/v1/freezes", json={"name": "incident"})
    client = stage.client("change_manager")
    await client.post(f"/api/v1/gates/{gate.id}/override", json={"reason": "It is the fix."})
    page = (await (await visit("viewer")).see(f"/gates/{gate.id}")).text
    assert "incident by change_manager, " in page
    assert "It is the fix." in page
