"""Asking a Jira: who asks, where, and what its replies mean before anybody reads them.

A request goes to the connection's own address and nowhere else: no link that a reply names is followed, and no
redirect. What the operator must mend is `Misconfigured`, what time mends is `Unreachable`, with the pause that Jira
asks for; other refusals belong to whoever asked.

Cloud takes a wrong token for no token: it answers as to a stranger, to whom what is hidden is not there. So "not found"
means nothing before the login is proved.

Source: https://developer.atlassian.com/cloud/jira/platform/rate-limiting/,
https://developer.atlassian.com/cloud/jira/platform/basic-auth-for-rest-apis/.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import quote

from mitregate import __version__
from mitregate.core.connections import Access
from mitregate.core.errors import Malformed, Misconfigured, Unreachable
from mitregate.wire.http import Conversation, Reply, Request
from mitregate.wire.jira_json import explain, is_page, read
from mitregate.wire.jira_site import Login
from mitregate.wire.retries import read_retry_after

T = TypeVar("T")

USER_AGENT = f"Mitregate/{__version__}"

DESK = "/rest/servicedeskapi"

PASSING = frozenset({408, 423, 425, 429})
"""Refusals that time mends, beside all that begin with 5."""

DENIED = re.compile("FAILED|DENIED")
"""What the header X-Seraph-LoginReason says of a login that was refused, even where the reply is none."""

GATEWAY = "/ex/jira/"
"""In the address of a connection: scoped tokens go through Atlassian's gateway."""


def ask(
    access: Access,
    method: str,
    path: str,
    body: bytes = b"",
    *,
    what: str,
    takes: frozenset[int] = frozenset(),
    as_stranger: bool = False,
) -> Conversation[Reply]:
    """Ask a Jira something.

    Args:
        access: which Jira, and who asks.
        method: of the request.
        path: below the connection's address; parts that come from elsewhere are quoted.
        body: JSON, or nothing.
        what: what this is to do, in words that follow "may not" and "to".
        takes: refusals that whoever asks reads for himself.
        as_stranger: whether to show no credentials.

    Returns:
        A reply that begins with 2, or is one of *takes*.

    Raises:
        Misconfigured: the login is refused, it is not allowed, or Jira refuses the request.
        Unreachable: no reply, or one that asks to try again later.
    """
    headers = _headers(path, has_body=bool(body)) | ({} if as_stranger else {"authorization": access.proof})
    reply = yield Request(method=method, url=access.connection.base_url + path, headers=headers, body=body)
    _check(access, reply, what, takes)
    return reply


def ask_for(access: Access, method: str, path: str, kind: type[T], body: bytes = b"", *, what: str) -> Conversation[T]:
    """Ask a Jira for a value of a type, as `ask` does; a reply that is none is `Unreachable`."""
    reply = yield from ask(access, method, path, body, what=what)
    with understanding(access, reply):
        return read(reply.body, kind)


def prove(access: Access) -> Conversation[Login]:
    """Prove the login: ask whom Jira takes us for; `Misconfigured` if for nobody."""
    return (yield from ask_for(access, "GET", f"{api(access)}/myself", Login, what="see who it is"))


def api(access: Access) -> str:
    """Give the path of the newest version of the platform's API."""
    return "/rest/api/3" if access.is_cloud else "/rest/api/2"


def issue_path(access: Access, key: str, rest: str = "") -> str:
    """Give the path of an issue, by its key or id, or of something below it."""
    return f"{api(access)}/issue/{quote(key, safe='')}{rest}"


@contextmanager
def understanding(access: Access, reply: Reply) -> Iterator[None]:
    """Say of what cannot be read whose reply it was, as `Unreachable`: whoever answered may do better later."""
    try:
        yield
    except Malformed as error:
        name = access.connection.name
        said = "It answered with a page for people instead of data." if is_page(reply) else error.message
        raise Unreachable(f"{name}: {said}", advice=error.advice()) from None


def complaint(access: Access, reply: Reply) -> str:
    """Repeat what Jira complained of, as a sentence, without our secret; empty if it said nothing."""
    # Some proxies repeat what they were sent.
    said = explain(reply, (access.secret, access.proof.partition(" ")[2]))
    return said if not said or said[-1] in ".!?…" else f"{said}."


def refusal(access: Access, reply: Reply, what: str) -> str:
    """Say in a sentence that Jira did not do what it was asked to, and why."""
    return f"{access.connection.name} refused to {what}: {complaint(access, reply) or f'HTTP {reply.status}.'}"


def _headers(path: str, *, has_body: bool) -> dict[str, str]:
    headers = {"accept": "application/json", "user-agent": USER_AGENT}
    headers |= {"content-type": "application/json"} if has_body else {}
    # Data Center calls parts of the service desk's API experimental, and demands to be told that we know.
    return headers | ({"x-experimentalapi": "opt-in"} if path.startswith(DESK) else {})


def _check(access: Access, reply: Reply, what: str, takes: frozenset[int]) -> None:
    name, status = access.connection.name, reply.status
    if status in PASSING or status >= 500:
        pause = read_retry_after(reply, access.now)
        advice = "Nothing needs to be changed: it is asked again later."
        seconds = pause.total_seconds() if pause is not None else None
        words = "wants to be asked less often" if status == 429 else "is in trouble"
        raise Unreachable(f"{name} {words} (HTTP {status}).", advice=advice, retry_after=seconds)
    if 300 <= status < 400:
        message = f"{name} points to another address (HTTP {status}), and redirects are not followed."
        advice = "Set the base URL to where Jira itself is, without a single sign-on before its REST API."
        raise Misconfigured(message, advice=advice)
    if status == 401 or DENIED.search(reply.headers.get("x-seraph-loginreason", "")):
        raise Misconfigured(_login(access, reply), advice=_login_advice(access, reply))
    if status in takes or 200 <= status < 300:
        return
    if status == 403:
        who, project = who_asks(access), access.connection.project
        said = complaint(access, reply)
        message = f"{who} may not {what} in {name}{f': {said}' if said else '.'}"
        raise Misconfigured(message, advice=f"Give {who} the permission for that in project {project}.")
    raise Misconfigured(refusal(access, reply, what), advice="Run `connection test`: it says what does not fit.")


def who_asks(access: Access) -> str:
    """Name who asks, for people."""
    return access.connection.user or "the user of the token"


def _login(access: Access, reply: Reply) -> str:
    said = complaint(access, reply)
    return f"{access.connection.name} refuses the login of {who_asks(access)}{f': {said}' if said else '.'}"


def _login_advice(access: Access, reply: Reply) -> str:
    if "captcha" in reply.headers.get("x-authentication-denied-reason", "").lower():
        return f"Log in once as {who_asks(access)} in a browser and solve the captcha, then mend the password here."
    if access.is_cloud and GATEWAY in access.connection.base_url:
        return (
            "See that the token has not expired and has the scopes read:jira-work, write:jira-work, read:jira-user, "
            "read:servicedesk-request and write:servicedesk-request."
        )
    if access.is_cloud:
        return (
            "See that e-mail address and API token belong together and the token has not expired; one with scopes "
            "works through https://api.atlassian.com/ex/jira/ and the cloud id alone."
        )
    if access.connection.user:
        return "Compare name and password, or use a personal access token: Jira 11 takes no passwords unless told to."
    return "See that the personal access token has not expired and was not revoked."
