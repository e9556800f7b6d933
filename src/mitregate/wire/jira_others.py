"""The other APIs that clients of Jira call on a site: none of them is served, and each is refused in its own shape.

Providers of builds, development information and so on have APIs like that of deployments, under the same three forms of
path, and get a bare array of errors (https://developer.atlassian.com/cloud/jira/software/rest/). Everything else is the
platform's, with an object of its own (https://developer.atlassian.com/cloud/jira/platform/rest/v3/intro/#status-codes).
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

PROVIDED: dict[bytes, str] = {
    b"builds": "builds",
    b"devinfo": "development information",
    b"featureflags": "feature flags",
    b"remotelinks": "remote links",
    b"security": "security information",
    b"operations": "operations information",
    b"devopscomponents": "DevOps components",
}
"""What the APIs that are like that of deployments are about, by the word in their paths."""


class OtherApi(Struct, frozen=True, kw_only=True):
    """An API of Jira's that is not served here; `provided` says what it is about, or is None for the platform's."""

    provided: str | None = None


def other_api(raw_path: bytes) -> OtherApi | None:
    """Find the API that a path belongs to.

    Args:
        raw_path: the path as it came over the wire, not decoded.

    Returns:
        The API; None if no client of Jira would ask for that path.
    """
    match raw_path.split(b"/"):
        case [b"", b"jira", kind, _, b"cloud", *_] if kind in PROVIDED:
            return OtherApi(provided=PROVIDED[kind])
        case [b"", b"rest", kind, *_] | [b"", b"ex", b"jira", _, b"rest", kind, *_] if kind in PROVIDED:
            return OtherApi(provided=PROVIDED[kind])
        case [b"", b"rest" | b"jira", *_] | [b"", b"ex", b"jira", *_]:
            return OtherApi()
    return None


class _Failure(Struct, rename="camel"):
    error_messages: Sequence[str]
    errors: dict[str, str]


def write_failure(messages: Sequence[str], trace_id: str | None = None) -> bytes:
    """Write the body of a request to the platform's API that failed.

    Args:
        messages: what went wrong.
        trace_id: under which it is found in the server's log.

    Returns:
        The body: an object with `errorMessages`, and `errors` by field, of which there are none.
    """
    traced = [] if trace_id is None else [f"Look for {trace_id} in the server's log."]
    return msgspec.json.encode(_Failure(error_messages=[*messages, *traced], errors={}))
