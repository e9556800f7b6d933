"""Addresses of a Connect app: its base URL, joined with the relative ones of its descriptor."""

from urllib.parse import quote

from msgspec import Struct

UNTOUCHED = "/%:@!$&()*+,;=?"
"""What stays as it is in an address; an apostrophe does not, for Node takes none in the path that it checks."""


class Target(Struct, frozen=True, kw_only=True):
    """Where to call an app: `url` in full; `path`, relative to the base URL, and `query`, as they are hashed."""

    url: str
    path: str
    query: str


def target(base_url: str, relative: str) -> Target:
    """Join a base URL, which has no slash at its end, and an address below it, which may have a query.

    What may not stand in a URL is percent-encoded; a fragment, which is never sent, is left out.
    """
    path, _, query = (quote(part, safe=UNTOUCHED) for part in relative.partition("#")[0].partition("?"))
    path = path if path.startswith("/") else f"/{path}"
    return Target(url=f"{base_url}{path}{query and '?'}{query}", path=path, query=query)
