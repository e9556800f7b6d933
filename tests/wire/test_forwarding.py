"""What proxies say of a request: believed from the end, as far as proxies that are trusted said it."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitregate.wire.addresses import parse_networks
from mitregate.wire.forwarding import HOPS, NAMES, Seen, see_through

TRUSTED = parse_networks("10.0.0.0/8, fd00::/8")
OURS = ["10.0.0.1", "10.9.8.7", "fd00::1"]
THEIRS = ["203.0.113.7", "198.51.100.2", "2001:db8::5", "192.168.0.1"]
PROXY = OURS[0]
CLIENT = THEIRS[0]

Headers = list[tuple[bytes, bytes]]


def headers(**fields: str) -> Headers:
    """Write headers; `x_forwarded_for` is for X-Forwarded-For."""
    return [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in fields.items()]


def behind(sent: Headers, peer: str = PROXY) -> Seen | None:
    """Look behind a proxy."""
    return see_through(peer, sent, TRUSTED)


def by_custom(chain: Sequence[str]) -> Headers:
    """Write a chain as nearly every proxy does."""
    return headers(x_forwarded_for=", ".join(chain))


def by_standard(chain: Sequence[str]) -> Headers:
    """Write a chain as RFC 7239 has it."""
    nodes = (f'"[{each}]:4711"' if ":" in each else each for each in chain)
    return headers(forwarded=", ".join(f"for={node};proto=https" for node in nodes))


@pytest.mark.parametrize("write", [by_custom, by_standard], ids=["custom", "standard"])
@pytest.mark.parametrize(
    ("chain", "client"),
    [
        (["203.0.113.7"], "203.0.113.7"),
        (["203.0.113.7", "10.9.8.7"], "203.0.113.7"),
        (["203.0.113.7", "10.9.8.7", "fd00::1"], "203.0.113.7"),
        (["1.1.1.1", "203.0.113.7"], "203.0.113.7"),
        (["10.0.0.1", "203.0.113.7"], "203.0.113.7"),
        (["1.1.1.1", "198.51.100.2", "10.9.8.7"], "198.51.100.2"),
        (["fd00::1", "10.9.8.7"], "fd00::1"),
        (["2001:db8::5"], "2001:db8::5"),
        (["::ffff:203.0.113.7"], "203.0.113.7"),
        (["203.0.113.7", "unknown"], PROXY),
        (["203.0.113.7", "_hidden"], PROXY),
        (["203.0.113.7", ""], PROXY),
        (["203.0.113.7", "10.9.8.7.6"], PROXY),
        (["203.0.113.7", "nonsense", "10.9.8.7"], "10.9.8.7"),
        (["fe80::1%eth0"], PROXY),
        (["10.9.8.7"] * (HOPS + 1) + ["10.0.0.2"], "10.9.8.7"),
    ],
)
def test_a_chain_is_read_from_its_end(write: object, chain: list[str], client: str) -> None:
    """The client is the last one that no trusted proxy is; what cannot be read ends the look."""
    assert callable(write)
    seen = behind(write(chain))
    assert seen is not None
    assert seen.address == client


@given(st.lists(st.sampled_from(OURS + THEIRS), min_size=1, max_size=HOPS), st.sampled_from([by_custom, by_standard]))
def test_nobody_outside_can_choose_who_they_are(chain: list[str], write: object) -> None:
    """Whatever a caller puts before it, the entry that the outermost trusted proxy appended is who they are."""
    assert callable(write)
    seen = behind(write(chain))
    outside = [each for each in chain if each in THEIRS]
    assert seen is not None
    assert seen.address == (outside[-1] if outside else chain[0])


@pytest.mark.parametrize("peer", [*THEIRS, "", "unix", "10.0.0.1:80", "11.0.0.1"])
def test_who_is_not_trusted_is_not_believed(peer: str) -> None:
    """What a peer says that is no trusted proxy is passed over."""
    sent = by_custom(["203.0.113.7"]) + by_standard(["203.0.113.7"]) + headers(x_forwarded_host="evil.example")
    assert behind(sent, peer) is None
    assert see_through(PROXY, sent, ()) is None


@pytest.mark.parametrize("peer", ["10.0.0.1", "::ffff:10.0.0.1", "fd00::9"])
def test_a_trusted_peer_is_known_however_it_is_written(peer: str) -> None:
    """An IPv4 address that IPv6 carries is the same proxy."""
    assert behind(by_custom(["203.0.113.7"]), peer) == Seen(address="203.0.113.7")


def test_a_proxy_that_says_nothing_is_who_calls() -> None:
    """Without a header there is nothing to see through."""
    assert behind(headers(host="gate.test", accept="*/*")) is None


@pytest.mark.parametrize(
    ("node", "address"),
    [
        ("203.0.113.7:4711", "203.0.113.7"),
        ("[2001:db8::5]", "2001:db8::5"),
        ("[2001:db8::5]:4711", "2001:db8::5"),
        ("2001:DB8:0::5", "2001:db8::5"),
        (" 203.0.113.7 ", "203.0.113.7"),
        ("[2001:db8::5", "2001:db8::5"),
        ("203.0.113.7:80:80", PROXY),
        ("[203.0.113.7", "203.0.113.7"),
        ("²03.0.113.7", PROXY),
        ("203.0.113.0/24", PROXY),
    ],
)
def test_an_address_is_read_with_a_port_or_without(node: str, address: str) -> None:
    """Some proxies append the port, with brackets or without; no list holds both at once."""
    assert behind(headers(x_forwarded_for=node)) == Seen(address=address)


SAID: list[tuple[dict[str, str], tuple[str, str | None, str | None]]] = [
    ({"x_forwarded_proto": "https"}, (PROXY, "https", None)),
    ({"x_forwarded_proto": "HTTPS", "x_forwarded_host": "gate.test:8443"}, (PROXY, "https", "gate.test:8443")),
    ({"x_forwarded_for": f"1.1.1.1,{CLIENT}", "x_forwarded_proto": "https,http"}, (CLIENT, "http", None)),
    ({"x_forwarded_for": f"{CLIENT},10.9.8.7", "x_forwarded_proto": "https,http"}, (CLIENT, "https", None)),
    ({"x_forwarded_for": f"{CLIENT},10.9.8.7", "x_forwarded_proto": "https"}, (CLIENT, "https", None)),
    ({"x_forwarded_proto": "javascript", "x_forwarded_host": "a b"}, (PROXY, None, None)),
    ({"x_forwarded_host": "a/b"}, (PROXY, None, None)),
    ({"x_forwarded_host": "[2001:db8::5]:80"}, (PROXY, None, "[2001:db8::5]:80")),
    ({"forwarded": f'For="{CLIENT}";Proto=https;Host="gate.test"'}, (CLIENT, "https", "gate.test")),
    ({"forwarded": f"for={CLIENT};proto=https, for=10.9.8.7;proto=http"}, (CLIENT, "https", None)),
    ({"forwarded": f"for={CLIENT}, for=10.9.8.7;proto=http;host=b"}, (CLIENT, "http", "b")),
    ({"forwarded": "proto=https;by=10.0.0.1"}, (PROXY, "https", None)),
    ({"forwarded": f"for=1.1.1.1;proto=https, for={CLIENT};proto=http"}, (CLIENT, "http", None)),
    ({"forwarded": r'for="203\.0.113.7"'}, (CLIENT, None, None)),
    ({"forwarded": f'for="{CLIENT}'}, (PROXY, None, None)),
    ({"forwarded": "for=unknown;proto=https"}, (PROXY, "https", None)),
]


@pytest.mark.parametrize(("said", "seen"), SAID, ids=str)
def test_scheme_and_host_are_those_of_the_client(
    said: dict[str, str], seen: tuple[str, str | None, str | None]
) -> None:
    """Scheme and host are what the proxy said to which the client itself spoke; what makes no sense was not said."""
    address, scheme, host = seen
    assert behind(headers(**said)) == Seen(address=address, scheme=scheme, host=host)


def test_the_usual_header_outweighs_the_standard_one() -> None:
    """A proxy that writes X-Forwarded-For hands on what a caller wrote into Forwarded: that is not believed."""
    assert behind(by_standard(["6.6.6.6"]) + by_custom(["203.0.113.7"])) == Seen(address="203.0.113.7")


def test_a_list_may_be_spread_over_several_headers() -> None:
    """Several headers of one name are one list, in the order in which they stand."""
    sent = headers(x_forwarded_for="1.1.1.1") + headers(x_forwarded_for="203.0.113.7")
    assert behind(sent) == Seen(address="203.0.113.7")


@given(
    st.lists(st.tuples(st.sampled_from(sorted(NAMES)), st.binary(max_size=80)), max_size=4),
    st.sampled_from([*OURS, *THEIRS, "", "x"]),
)
def test_no_header_breaks_it(sent: Headers, peer: str) -> None:
    """Whatever stands in these headers, an address comes of it, or nothing."""
    seen = see_through(peer, sent, TRUSTED)
    assert (seen is None) is (not sent or peer not in OURS)
    assert seen is None or (seen.address and seen.scheme in {None, "http", "https"})


def test_a_header_without_end_takes_no_time() -> None:
    """Of a list of thousands only the end is looked at."""
    seen = behind(headers(x_forwarded_for="10.0.0.1," * 7000 + "10.0.0.2"))
    assert seen == Seen(address="10.0.0.1")
