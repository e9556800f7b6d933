"""Outcry at the doors that speak as Jira: every error as a reply, in the shape of the API that was asked."""

import secrets
from collections.abc import Callable, Sequence

import structlog

from mitregate.core.errors import MitregateError, Unproven
from mitregate.web import plain
from mitregate.web.badges import CHALLENGE
from mitregate.web.problems import headers_of, message_of, status_of

Write = Callable[[Sequence[str], str | None], bytes]
"""What writes the body out of messages and, of what nobody foresaw, a trace id."""

log = structlog.get_logger()


async def cry_out(
    send: plain.Send, error: Exception, write: Write, content_type: str = plain.JSON, challenge: str = CHALLENGE
) -> None:
    """Answer with *error*; of what nobody foresaw only a trace id leaves, and the traceback stays in the log.

    Args:
        send: where to answer.
        error: what went wrong.
        write: writes the body.
        content_type: what the body is.
        challenge: how the caller may prove who it is, where it has not.
    """
    if isinstance(error, MitregateError):
        status = status_of(error)
        if status >= 500:
            log.warning("jira.unsettled", error=type(error).__name__, detail=error.message)
        body = write([f"{message_of(error)} {error.advice()}"], None)
        headers = headers_of(error) | ({"www-authenticate": challenge} if isinstance(error, Unproven) else {})
        await plain.reply(send, status, body, content_type, headers)
    else:
        trace_id = secrets.token_hex(8)
        log.error("jira.failed", trace_id=trace_id, exc_info=error)
        await plain.reply(send, 500, write(["Something went wrong in Mitregate."], trace_id), content_type)


def write_text(messages: Sequence[str], trace_id: str | None = None) -> bytes:
    """Write messages for people, who see them in a terminal."""
    traced = [] if trace_id is None else [f"Look for {trace_id} in the server's log."]
    return " ".join([*messages, *traced]).encode()
