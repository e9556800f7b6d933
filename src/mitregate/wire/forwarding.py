"""What proxies say of a request that they pass on: who made it, by which scheme, and to which host.

`X-Forwarded-*` is what nearly every proxy writes, `Forwarded` is the standard (RFC 7239). Anybody can send either, so
they are believed only as far as proxies that are trusted wrote them: each appends whom it was called by, so the list is
read from its end, for as long as whoever appended an entry is trusted. Where both are sent `X-Forwarded-For` counts: a
proxy that writes it hands on a `Forwarded` of the caller's own, for it does not know that header.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from msgspec import Struct

from mitregate.wire.addresses import Network

HOPS = 32
"""Entries that are looked at, at most: a header has room for thousands, and nobody has so many proxies."""

NAMES = frozenset({b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto"})

_HOST = re.compile(r"[A-Za-z0-9._-]{1,255}(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::[0-9]{1,5})?")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


class Seen(Struct, frozen=True, kw_only=True):
    """A request as it was before the proxies; `scheme` and `host` are None if they do not say."""

    address: str
    scheme: str | None = None
    host: str | None = None


def see_through(peer: str, headers: Iterable[tuple[bytes, bytes]], trusted: Sequence[Network]) -> Seen | None:
    """Find out who is behind the proxies.

    Args:
        peer: the address that the connection comes from.
        headers: the request's, with names in lower case.
        trusted: the networks of the proxies that are believed.

    Returns:
        The request as it was before them; None if the peer is not one of them, or says nothing. What cannot be read
        ends the look: the last address that is known stands.
    """
    sent = [(name, value) for name, value in headers if name in NAMES]
    if not sent or not _is_trusted(peer, trusted):
        return None
    fields = {name: b",".join(value for other, value in sent if other == name).decode("latin-1") for name in NAMES}
    if fields[b"forwarded"] and not fields[b"x-forwarded-for"]:
        return _by_standard(peer, fields[b"forwarded"], trusted)
    return _by_custom(peer, fields, trusted)


def _by_custom(peer: str, fields: Mapping[bytes, str], trusted: Sequence[Network]) -> Seen:
    address, depth = peer, 0
    for entry in _from_the_end(fields[b"x-forwarded-for"]):
        found = _address(entry)
        if found is None or not _is_trusted(address, trusted):
            break
        address, depth = found, depth + 1
    scheme, host = (_at(depth, fields[name]) for name in (b"x-forwarded-proto", b"x-forwarded-host"))
    return Seen(address=address, scheme=_scheme(scheme), host=_host(host))


def _by_standard(peer: str, field: str, trusted: Sequence[Network]) -> Seen:
    seen = Seen(address=peer)
    for entry in _from_the_end(field):
        if not _is_trusted(seen.address, trusted):
            break
        said = _pairs(entry)
        seen = Seen(
            address=_address(said.get("for", "")) or seen.address,
            scheme=_scheme(said.get("proto", "")) or seen.scheme,
            host=_host(said.get("host", "")) or seen.host,
        )
        if _address(said.get("for", "")) is None:
            break
    return seen


def _from_the_end(field: str) -> Iterator[str]:
    """Give the entries of a list, the last one first; whatever is before these is one that cannot be read.

    A comma between quotes, which no address has, divides as well.
    """
    return reversed([entry.strip() for entry in field.rsplit(",", HOPS)])


def _at(depth: int, field: str) -> str:
    """Give what the proxy said whose entry was read last: one word stands for all, else each proxy appended its own."""
    words = field.rsplit(",", HOPS)
    return words[-min(max(depth, 1), len(words))].strip()


def _pairs(entry: str) -> dict[str, str]:
    """Read an element such as `for="[2001:db8::1]:4711";proto=https`; nothing if it is none."""
    pairs: dict[str, str] = {}
    for part in entry.split(";"):
        name, _, value = part.partition("=")
        quoted = _QUOTED.fullmatch(value.strip())
        pairs[name.strip().lower()] = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else value.strip()
    return pairs


def _address(node: str) -> str | None:
    """Read an address, with a port or without; None if it is `unknown`, a name, or anything else."""
    if node.startswith("["):
        node = node[1:].partition("]")[0]
    elif node.count(":") == 1:
        node = node.partition(":")[0]
    # A zone, as in fe80::1%eth0, may be any text, and is of no use on another machine.
    address = None if "%" in node else _parsed(node)
    return None if address is None else str(address)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in trusted)


def _scheme(word: str) -> str | None:
    return word.lower() if word.lower() in {"http", "https"} else None


def _host(word: str) -> str | None:
    return word if _HOST.fullmatch(word) else None
