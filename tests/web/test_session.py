"""Coming and going: sign in, sign out, set-up, and forms that are not ours."""

import re

import pytest
from msgspec.structs import replace

from mitregate.flows import admit
from tests.web.browsing import FROM_HERE, Browser
from tests.web.stage import BASE_URL, ROOT, Stage


async def test_a_stranger_is_sent_to_sign_in_and_back(stage: Stage) -> None:
    """A page asked for without a session leads to the sign-in, and from there back to that page."""
    gate = await stage.submit()
    browser = Browser(stage)
    for path in ("/", "/changes/CHG-1", f"/gates/{gate.id}"):
        reply = await browser.client.get(path)
        assert (reply.status_code, reply.headers["location"]) == (303, f"/login?next={path}")
    reply = await browser.send("/login?next=/changes/CHG-1", "/login", token=stage.tokens["viewer"])
    assert reply.headers["location"] == "/changes/CHG-1"
    assert "CHG-1" in (await browser.follow(reply)).text


async def test_the_session_cookie_is_kept_from_scripts_and_other_sites(stage: Stage) -> None:
    """The session is a cookie of its own token: HttpOnly, SameSite=Strict, for twelve hours."""
    reply = await Browser(stage).send("/login", "/login", token=stage.tokens["viewer"])
    (cookie,) = [each for each in reply.headers.get_list("set-cookie") if each.startswith("mitregate_session=")]
    assert stage.tokens["viewer"] not in cookie
    assert cookie.startswith("mitregate_session=mgs_")
    for word in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=43200"):
        assert word in cookie
    assert "Secure" not in cookie


async def test_a_session_ends_with_its_time(stage: Stage) -> None:
    """Twelve hours after signing in the pages ask to sign in again."""
    browser = Browser(stage)
    await browser.sign_in("viewer")
    stage.clock.advance(hours=12)
    assert (await browser.client.get("/")).headers["location"] == "/login?next=/"


async def test_signing_out_ends_the_session_everywhere(stage: Stage) -> None:
    """After signing out the session's token is good for nothing, even if somebody kept the cookie."""
    browser = Browser(stage)
    await browser.sign_in("viewer")
    kept = browser.client.cookies["mitregate_session"]
    page = await browser.follow(await browser.send("/", "/logout"))
    assert "You are signed out." in page.text
    assert "mitregate_session" not in browser.client.cookies
    reply = await stage.client(None, cookie=f"mitregate_session={kept}").get("/")
    assert reply.status_code == 303


@pytest.mark.parametrize("token", ["", "mgt_wrong", "ci"])
async def test_a_wrong_token_does_not_get_in(stage: Stage, token: str) -> None:
    """An unknown token, none, or that of an app is refused on the same page, without being shown again."""
    reply = await Browser(stage).send("/login", "/login", token=stage.tokens.get(token, token))
    assert reply.status_code == 401
    assert 'role="alert"' in reply.text
    assert "mitregate_session" not in reply.headers.get("set-cookie", "")
    assert not token.startswith("mgt_") or token not in reply.text


async def test_guessing_is_told_to_stop(stage: Stage) -> None:
    """After ten wrong tokens the address is told to wait for a minute; the right token is let in all the same."""
    browser = Browser(stage)
    for _ in range(10):
        assert (await browser.send("/login", "/login", token="mgt_wrong")).status_code == 401
    reply = await browser.send("/login", "/login", token="mgt_wrong")
    assert reply.status_code == 429
    assert "wait a minute" in reply.text
    await browser.sign_in("viewer")


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "evil.example",
        "",
    ],
)
async def test_signing_in_leads_to_pages_here_only(stage: Stage, target: str) -> None:
    """Whatever is asked for after signing in, nobody is led to another site."""
    browser = Browser(stage)
    reply = await browser.send("/login", "/login", token=stage.tokens["viewer"], next=target)
    assert (reply.status_code, reply.headers["location"]) == (303, "/")
    page = (await browser.client.get("/login", params={"next": target})).text
    assert "evil" not in page


async def test_a_form_leads_back_to_pages_here_only(stage: Stage) -> None:
    """The field that says where to go after a decision leads to no other site."""
    await stage.submit()
    browser = Browser(stage)
    await browser.sign_in("approver")
    reply = await browser.send("/", "/changes/CHG-1/approve", back="//evil.example")
    assert reply.headers["location"] == "/?said=approved"


async def test_a_page_says_only_what_it_knows_to_say(stage: Stage) -> None:
    """Words in the address are not shown on the page."""
    browser = Browser(stage)
    await browser.sign_in("viewer")
    assert "Pwned" not in (await browser.see("/?said=Pwned")).text
    assert "Approved." in (await browser.see("/?said=approved")).text


@pytest.mark.parametrize("action", ["/changes/CHG-1/approve", "/logout", "/login", "/deliveries/x/retry"])
async def test_a_form_without_its_token_is_refused(stage: Stage, action: str) -> None:
    """Every form must carry the token of this very session; none, or another one's, is refused."""
    await stage.submit()
    browser, other = Browser(stage), Browser(stage)
    await browser.sign_in("admin")
    await other.sign_in("admin")
    foreign = (await other.see("/")).forms["/logout"]["form_token"]
    for fields in ({}, {"form_token": ""}, {"form_token": "x"}, {"form_token": foreign}):
        reply = await browser.post(action, **fields)
        assert reply.status_code == 403
        assert "Load the page again" in reply.text
    assert "approved by" not in (await browser.see("/")).text


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": f"{BASE_URL}.evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": BASE_URL},
    ],
)
async def test_a_form_from_another_site_is_refused(stage: Stage, headers: dict[str, str]) -> None:
    """A form that a browser says to be from elsewhere is refused, whatever it carries."""
    await stage.submit()
    browser = Browser(stage)
    await browser.sign_in("admin")
    form = (await browser.see("/")).forms["/changes/CHG-1/approve"]
    reply = await browser.post("/changes/CHG-1/approve", headers=headers, **form)
    assert reply.status_code == 403
    assert "another site" in reply.text
    assert (await browser.post("/changes/CHG-1/approve", headers=FROM_HERE, **form)).status_code == 303


async def test_a_browser_that_does_not_say_where_a_form_is_from_can_send_it(stage: Stage) -> None:
    """Old browsers send neither header; the form's token decides."""
    await stage.submit()
    browser = Browser(stage)
    await browser.sign_in("admin")
    form = (await browser.see("/")).forms["/changes/CHG-1/approve"]
    assert (await browser.post("/changes/CHG-1/approve", headers={}, **form)).status_code == 303


async def test_a_bearer_token_sends_no_forms(stage: Stage) -> None:
    """The pages' forms are for sessions; a token in a header does not stand in for the form's token."""
    await stage.submit()
    reply = await stage.client("admin").post("/changes/CHG-1/approve", data={"comment": "x"})
    assert reply.status_code == 403


async def test_the_first_user_is_made_on_a_page(bare: Stage) -> None:
    """The set-up page makes the first administrator, shows the API token once, signs in, and is then of no more use."""
    installation = await bare.office.transact(ROOT, admit.settle_in, offer_setup=True)
    browser = Browser(bare)
    path = f"/setup?token={installation.setup_token}"
    reply = await browser.send(path, "/setup", name="Ann")
    assert reply.status_code == 200
    (token,) = set(re.findall(r"mgt_[\w-]+", reply.text))
    bare.tokens["ann"] = token
    assert (await bare.client("ann").get("/api/v1/me")).json()["role"] == "admin"
    assert "No deployment has asked yet" in (await browser.see("/")).text
    later = Browser(bare)
    page = await later.see(path)
    assert "/setup" not in page.forms
    assert "/login" in page.links
    assert token not in page.html


async def test_who_comes_before_the_set_up_is_told_so(bare: Stage) -> None:
    """As long as there is no user, the page for signing in says where the set-up begins; later it does not."""
    installation = await bare.office.transact(ROOT, admit.settle_in, offer_setup=True)
    assert "Nobody has been set up yet." in (await Browser(bare).see("/login")).text
    await bare.office.transact(ROOT, admit.set_up, installation.setup_token or "", "Ann")
    assert "Nobody has been set up yet." not in (await Browser(bare).see("/login")).text


async def test_a_wrong_set_up_token_makes_nobody(bare: Stage) -> None:
    """A wrong set-up token, or a name that is none, is refused on the same page."""
    installation = await bare.office.transact(ROOT, admit.settle_in, offer_setup=True)
    browser = Browser(bare)
    reply = await browser.send("/setup", "/setup", token="mgsetup_wrong", name="Eve")
    assert (reply.status_code, 'role="alert"' in reply.text) == (401, True)
    reply = await browser.send("/setup", "/setup", token=installation.setup_token or "", name=" ")
    assert (reply.status_code, 'role="alert"' in reply.text) == (400, True)


async def test_cookies_are_for_https_only_where_the_server_is(stage: Stage) -> None:
    """Where people reach the server over https, its cookies are sent over nothing else."""
    stage.office.ports = replace(stage.office.ports, base_url="https://gate.test")
    reply = await stage.client().get("/login")
    assert "; Secure" in reply.headers["set-cookie"]
