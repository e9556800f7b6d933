"""How Jira says no: a status, sentences, and what is wrong with which field."""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec

from mitregate.wire.http import Reply

NO_ISSUE = "Issue does not exist or you do not have permission to see it."
NOT_ON_SCREEN = "Field '{}' cannot be set. It is not on the appropriate screen, or unknown."


class Refusal(Exception):
    """A request that Jira does not carry out; what stands before Jira says so as `is_plain` or in `html`."""

    def __init__(
        self,
        status: int,
        *messages: str,
        errors: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        html: bool = False,
        is_plain: bool = False,
    ) -> None:
        super().__init__(status, *messages, errors or {})
        self.status = status
        self.messages = messages
        self.errors = dict(errors or {})
        self.headers = dict(headers or {})
        self.html = html
        self.is_plain = is_plain


def refused(refusal: Refusal, path: str) -> Reply:
    """Write a refusal in the form of the API that *path* belongs to."""
    if refusal.html:
        return page(refusal.status, " ".join(refusal.messages), refusal.headers)
    if path.startswith("/ex/jira/"):
        return shown({"code": refusal.status, "message": " ".join(refusal.messages)}, refusal.status, refusal.headers)
    if refusal.is_plain:
        said = {"message": " ".join(refusal.messages), "status-code": refusal.status}
        return shown(said, refusal.status, refusal.headers)
    if path.startswith("/rest/servicedeskapi/"):
        text = " ".join([*refusal.messages, *(f"{name}: {text}" for name, text in refusal.errors.items())])
        body: dict[str, object] = {
            "errorMessage": text,
            "i18nErrorMessage": {"i18nKey": f"sd.rest.error.{refusal.status}", "parameters": []},
        }
    else:
        body = {"errorMessages": list(refusal.messages), "errors": refusal.errors}
    return shown(body, refusal.status, refusal.headers)


def shown(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Reply with JSON."""
    fields = {"content-type": "application/json;charset=UTF-8", **(headers or {})}
    return Reply(status=status, headers=fields, body=msgspec.json.encode(value))


def done(status: int = 204) -> Reply:
    """Reply without a body."""
    return Reply(status=status)


def page(status: int, said: str, headers: Mapping[str, str] | None = None) -> Reply:
    """Reply with a page for people, as Jira's servlets and the proxies in front of it do."""
    title = f"{HTTPStatus(status).phrase} ({status})"
    body = (
        f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1><p>{said}</p></body></html>"
    )
    fields = {"content-type": "text/html;charset=UTF-8", **(headers or {})}
    return Reply(status=status, headers=fields, body=body.encode())
