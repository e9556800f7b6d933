"""Which IP addresses may be called, and the lists of networks that widen it or name the proxies that are trusted.

Where to deliver is told us by others, so it could point into our own network: at a database, at a cloud's metadata.
Only addresses that the whole internet can reach are called, and those in networks which the operator has listed.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from mitregate.core.errors import Misconfigured

Network = IPv4Network | IPv6Network

SETTING = "MITREGATE_OUTBOUND_ALLOW"

# What Python calls global depends on its version (3.11 takes fec0::/10 and 5f00::/16 for global), so the part of IPv6
# that is in use is named here: https://www.iana.org/assignments/ipv6-address-space
GLOBAL_UNICAST = IPv6Network("2000::/3")
NEVER_PUBLIC: tuple[Network, ...] = (
    IPv4Network("192.0.0.0/24"),  # IETF protocol assignments, among them the inner addresses of DS-Lite and NAT64
    IPv4Network("192.88.99.0/24"),  # the withdrawn relays of 6to4
    IPv6Network("3fff::/20"),  # documentation
)
# IPv6 addresses which carry an IPv4 address that is really called, with the number of bits after it.
WRAPPED: tuple[tuple[IPv6Network, int], ...] = (
    (IPv6Network("::ffff:0:0/96"), 0),  # IPv4-mapped
    (IPv6Network("64:ff9b::/96"), 0),  # NAT64, RFC 6052: how a host with IPv6 alone reaches an IPv4 address
    (IPv6Network("2002::/16"), 80),  # 6to4, RFC 3056
)


def parse_networks(text: str, setting: str = SETTING) -> tuple[Network, ...]:
    """Read a list of networks divided by commas, such as `10.0.0.0/8, fd00::/8`; a single address stands for itself.

    Args:
        text: the list.
        setting: where it was written, to be named if it is wrong.

    Raises:
        Misconfigured: a part is not a network.
    """
    return tuple(_parse_network(part.strip(), setting) for part in text.split(",") if part.strip())


def host_of(url: str) -> str:
    """Name the host and port that *url* leads to, always in the same way: in small letters, without a default port."""
    scheme, _, rest = url.lower().partition("://")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    return host.removesuffix({"http": ":80", "https": ":443"}.get(scheme, ":"))


def may_be_called(address: str, allow: Sequence[Network]) -> bool:
    """Tell whether an address, written in digits, may be called: it is public, or lies in a network of *allow*."""
    outer = ip_address(address)
    inner = _unwrap(outer)
    return _is_public(inner) or any(outer in network or inner in network for network in allow)


def _parse_network(part: str, setting: str) -> Network:
    try:
        return ip_network(part)
    except ValueError as error:
        raise Misconfigured(
            f"{setting} lists {part!r}, which is not a network.",
            advice=f"Write IP networks such as 10.0.0.0/8 or fd00::/8, divided by commas, not names ({error}).",
        ) from error


def _unwrap(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    for network, shift in WRAPPED:
        if address in network:
            return IPv4Address(int(address) >> shift & 0xFFFFFFFF)
    return address


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if not address.is_global or address.is_multicast or any(address in network for network in NEVER_PUBLIC):
        return False
    return isinstance(address, IPv4Address) or address in GLOBAL_UNICAST
