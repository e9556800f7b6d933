"""The part of a gate's page that explains it."""

from tests.web.browsing import Browser
from tests.web.stage import Stage


async def test_a_gate_explains_itself(stage: Stage) -> None:
    """The page of a gate tells by which rules it is gated, when it may start, what bears on it, and its story."""
    text = """
    workflow: {cab_from: low}
    freezes: [{name: now, when: {end: 2026-03-01 13:00}}, {name: later, when: {start: 2026-04-01}}]
    hours: [{name: office, when: {start: 2026-01-05 09:00, length: 8h, rule: FREQ=DAILY}}]
    """
    admin = stage.client("admin", **{"content-type": "application/yaml"})
    assert (await admin.put("/api/v1/rules", content=text)).status_code == 200
    gate = await stage.submit(properties={"changeType": "standard"})
    browser = Browser(stage)
    await browser.sign_in("viewer")
    page = await browser.see(f"/gates/{gate.id}")
    for said in (
        "At 2026-03-01 13:00:00 UTC at the earliest, if what it waits for is done by then.",
        "it asks to be gated, and both sides are change controlled then.",
        "environment: no rule: gated when it asks; by revision 1 of the rules",
        "A standard change was asked for, but none of the catalogue is for this deployment.",
        "normal, medium: production environment",
        "0 of 2",
        "1: the risk is medium, and from low on the CAB is asked",
        "now until 2026-03-01 13:00:00 UTC",
        "later, from 2026-04-01 00:00:00 UTC",
        "office: now is in them, they end at 2026-03-01 17:00:00 UTC",
        "ci: Its gate was opened, awaiting: ",
    ):
        assert said in page.text, said


async def test_a_gate_that_needs_no_change_explains_itself(stage: Stage) -> None:
    """The page of a gate that lets pass tells which rule spares it, and nothing of a change."""
    admin = stage.client("admin", **{"content-type": "application/yaml"})
    await admin.put("/api/v1/rules", content="control: {environments: [{control: never}]}")
    gate = await stage.submit()
    browser = Browser(stage)
    await browser.sign_in("viewer")
    page = await browser.see(f"/gates/{gate.id}")
    assert "It may start now." in page.text
    assert "by the environment's rule '*: never'" in page.text
    for word in ("Type, risk", "Approvals", "Frozen", "Next freeze", "Hours", "Passed over"):
        assert word not in page.text
