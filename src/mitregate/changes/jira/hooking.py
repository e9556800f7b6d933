"""Registering the webhook by which a Jira tells at once what happens to changes.

It takes an administrator of Jira; without a webhook changes are followed all the same, only later. Asked twice, one is
registered: one that fits is left alone, others of ours that lead to the same place are removed.

Source: https://developer.atlassian.com/cloud/jira/platform/webhooks/; for Data Center 10 its REST resource
`/rest/jira-webhook/1.0/webhooks`.
"""

from msgspec import Struct

from mitregate.changes.jira.talk import ask, refusal, understanding
from mitregate.core.connections import Access, Layout
from mitregate.core.errors import Misconfigured
from mitregate.wire.http import Conversation, Reply
from mitregate.wire.jira_hooks import (
    FOLLOWED,
    NEW_PATH,
    NEW_SINCE,
    OLD_PATH,
    Hook,
    read_hook,
    read_hooks,
    write_hook,
)
from mitregate.wire.jira_search import project_is

ABSENT = frozenset({404, 405})
REFUSED = frozenset({400, 403, 409})


class Registration(Struct, frozen=True, kw_only=True):
    """The webhook that is there now.

    `is_new` says that it was registered just now, so that the secret is the one that was given. Where it is not
    signed, as by a Data Center that cannot, the address alone proves who calls.
    """

    id: str
    is_new: bool
    is_signed: bool


def hook(access: Access, layout: Layout, url: str, secret: str, *, renews: bool = False) -> Conversation[Registration]:
    """Register the webhook of a connection, or find it.

    Args:
        access: which Jira, and who asks; an administrator of it.
        layout: what was found out about it.
        url: where the webhook leads to.
        secret: with which Jira is to sign; Jira never tells it again.
        renews: whether to register it anew though it is there, as when nobody knows its secret any more.

    Returns:
        The webhook.

    Raises:
        Misconfigured: the login is refused, is no administrator's, or Jira does not take the webhook.
        Unreachable: nothing is known; ask again later.
    """
    path, reply = yield from _list(access, layout)
    with understanding(access, reply):
        known = [one for one in read_hooks(reply.body) if one.url == url]
    jql = project_is(access.connection.project)
    fitting = next((one for one in known if _fits(one, jql)), None)
    if fitting is not None and not renews:
        return Registration(id=fitting.id, is_new=False, is_signed=fitting.is_signed)
    for old in known:
        yield from ask(access, "DELETE", f"{path}/{old.id}", what="remove webhooks", takes=frozenset({404}))
    name = f"Mitregate: {access.connection.name}"
    body = write_hook(name, url, jql, secret, is_new_path=path == NEW_PATH)
    reply = yield from ask(access, "POST", path, body, what="register webhooks", takes=REFUSED)
    if reply.status in REFUSED:
        raise _not_taken(access, reply)
    with understanding(access, reply):
        made = read_hook(reply.body)
    return Registration(id=made.id, is_new=True, is_signed=made.is_signed)


def _list(access: Access, layout: Layout) -> Conversation[tuple[str, Reply]]:
    """List the webhooks, under the path that this version has them at, else under the other one."""
    is_new = not layout.is_cloud and layout.version[:1] >= (NEW_SINCE,)
    paths = (NEW_PATH, OLD_PATH) if is_new else (OLD_PATH, NEW_PATH)
    for path in paths:
        reply = yield from ask(access, "GET", path, what="list webhooks", takes=ABSENT | REFUSED)
        if reply.status in REFUSED:
            raise _not_taken(access, reply)
        if reply.status not in ABSENT:
            return path, reply
    message = f"{access.connection.name} has no webhooks where Jira has them."
    raise Misconfigured(message, advice="Register one by hand in Jira's administration, under System, WebHooks.")


def _fits(one: Hook, jql: str) -> bool:
    return one.is_enabled and one.jql == jql and set(FOLLOWED) <= set(one.events)


def _not_taken(access: Access, reply: Reply) -> Misconfigured:
    advice = "Ask with the login of a Jira administrator, or register it by hand: System, WebHooks."
    return Misconfigured(refusal(access, reply, "register the webhook"), advice=advice)
