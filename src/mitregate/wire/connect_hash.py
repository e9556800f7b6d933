"""The query string hash: the claim `qsh`, which ties a Connect token to one request.

It is the SHA-256, in hex, of the *canonical request*: method, path and query joined by `&`. The path is relative to the
base URL of whoever is called. In the query, names and values are percent-encoded as RFC 3986 has it, the parameters
sorted by name, the values of one name sorted and joined with commas; the parameter `jwt` does not count.

Senders do not agree on everything. Where clients that are in use differ, each of their forms is accepted, for all of
them describe the same request: the path as it is on the wire, percent-decoded, or as JavaScript's encodeURIComponent
writes it; relative to the base URL or not; and, for names that must be encoded, sorted before or after that.

Source: https://developer.atlassian.com/cloud/bitbucket/query-string-hash/; the libraries atlassian-jwt (JavaScript,
which sorts before encoding) and jira.js (which leaves the path of the base URL where it is).
"""

import hashlib
from urllib.parse import parse_qsl, quote, unquote

from mitregate.core.errors import Malformed

LONGEST = 16 * 1024
"""How many bytes a path may have, and how many a query."""

MOST_PARAMETERS = 100

CONTEXT = "context-qsh"
"""Stands in place of a hash in tokens that prove a page in a browser: they are tied to no request."""

Parameters = dict[str, list[str]]


def canonical_request(method: str, path: str, query: str, base_path: str = "") -> str:
    """Write a request in the form that is hashed.

    Args:
        method: the HTTP method.
        path: the path as it goes over the wire.
        query: the query, without its question mark.
        base_path: the path of the base URL of whoever is called; it is taken off the front of *path*.

    Raises:
        Malformed: the query is not UTF-8, or too long, or has too many parameters.
    """
    base = base_path.rstrip("/")
    relative = path[len(base) :] if _begins_with(path, base) else path
    return _join(method, relative, _sorted_after(_parameters(query)))


def query_hash(method: str, path: str, query: str, base_path: str = "") -> str:
    """Hash a request as `canonical_request` writes it; same arguments, same errors."""
    return _digest(canonical_request(method, path, query, base_path))


def accepted_hashes(method: str, raw_path: bytes, query_string: bytes, base_path: str = "") -> frozenset[str]:
    """Give every hash with which an honest client may have signed a request that came in.

    Args:
        method: the HTTP method.
        raw_path: the path as it came over the wire, not decoded; a query behind it is passed over.
        query_string: the query as it came over the wire, without its question mark.
        base_path: the path of our own base URL, whether or not a proxy has taken it off.

    Returns:
        At most twelve hashes; for a plain path and query, one.

    Raises:
        Malformed: path or query are not UTF-8, or too long, or there are too many parameters.
    """
    parameters = _parameters(_text(query_string, "query"))
    queries = {_sorted_after(parameters), _sorted_before(parameters)}
    base = base_path.rstrip("/")
    paths = {
        path for form in _forms(_text(raw_path.partition(b"?")[0], "path")) for path in _with_and_without(form, base)
    }
    return frozenset(_digest(_join(method, path, query)) for path in paths for query in queries)


def _digest(canonical: str) -> str:
    return hashlib.sha256(canonical.encode()).hexdigest()


def _join(method: str, path: str, query: str) -> str:
    # An ampersand in the path would otherwise pass for the one that ends it.
    path = path.replace("&", "%26")
    path = path if path.startswith("/") else f"/{path}"
    return f"{method.upper()}&{path.removesuffix('/') or '/'}&{query}"


def _text(raw: bytes, what: str) -> str:
    if len(raw) > LONGEST:
        raise Malformed(f"The {what} is longer than {LONGEST} bytes.", advice="Ask for less at once.")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Malformed(f"The {what} is not UTF-8.") from None


# --- the path ---


def _forms(path: str) -> set[str]:
    try:
        decoded = unquote(path, errors="strict")
        components = "/".join(quote(unquote(part, errors="strict"), safe="!'()*") for part in path.split("/"))
    except UnicodeDecodeError:
        raise Malformed("The path is not UTF-8.") from None
    return {path, decoded, components}


def _with_and_without(path: str, base: str) -> tuple[str, str]:
    return (path, path[len(base) :]) if _begins_with(path, base) else (path, base + path)


def _begins_with(path: str, base: str) -> bool:
    return path == base or path.startswith(f"{base}/")


# --- the query ---


def _parameters(query: str) -> Parameters:
    if len(query) > LONGEST:
        raise Malformed(f"The query is longer than {LONGEST} bytes.", advice="Ask for less at once.")
    if query.count("&") >= MOST_PARAMETERS:
        raise Malformed(f"The query has more than {MOST_PARAMETERS} parameters.", advice="Ask for less at once.")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        raise Malformed("The query is not UTF-8.") from None
    parameters: Parameters = {}
    for name, value in pairs:
        if name != "jwt":
            parameters.setdefault(name, []).append(value)
    return parameters


def _sorted_after(parameters: Parameters) -> str:
    return "&".join(sorted(_assignments(parameters), key=lambda text: text.partition("=")[0]))


def _sorted_before(parameters: Parameters) -> str:
    return "&".join(_assignments({name: parameters[name] for name in sorted(parameters, key=_utf_16)}))


def _assignments(parameters: Parameters) -> list[str]:
    return [
        f"{quote(name, safe='')}={','.join(quote(value, safe='') for value in sorted(values, key=_utf_16))}"
        for name, values in parameters.items()
    ]


def _utf_16(text: str) -> bytes:
    """Sort as Java and JavaScript do, where a character beyond U+FFFF comes before U+E000."""
    return text.encode("utf-16-be")
