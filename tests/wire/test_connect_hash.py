import hashlib
import json
import random
import re
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, quote_plus, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitregate.core.errors import Malformed
from mitregate.wire.connect_hash import LONGEST, MOST_PARAMETERS, accepted_hashes, canonical_request, query_hash

SAMPLE = json.loads((Path(__file__).parents[1] / "samples/connect/signed_requests/requests.json").read_text())
CASES = [pytest.param(case, id=case["name"]) for case in SAMPLE["cases"]]

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
PAIRS = st.lists(st.tuples(TEXT.filter(lambda name: name != "jwt"), TEXT), max_size=8)
SEGMENT = TEXT.filter(lambda text: text not in {"", ".", ".."})
PATHS = st.lists(SEGMENT, min_size=1, max_size=4)


def split(case: dict[str, str]) -> tuple[str, str, str, str]:
    """Take a sample apart: method, path, query, path of the base URL."""
    path, _, query = case["target"].partition("?")
    return case["method"], path, query, urlsplit(case.get("base", "")).path


def hashed(canonical: str) -> str:
    """Hash a canonical request."""
    return hashlib.sha256(canonical.encode()).hexdigest()


def written(pairs: list[tuple[str, str]], style: str) -> str:
    """Write a query as one of several kinds of client does."""
    encode = quote_plus if style == "form" else quote
    query = "&".join(f"{encode(name, safe='')}={encode(value, safe='')}" for name, value in pairs)
    return re.sub("%..", lambda match: match[0].lower(), query) if style == "lower" else query


@pytest.mark.parametrize("case", CASES)
def test_a_request_is_written_as_atlassian_s_library_writes_it(case: dict[str, str]) -> None:
    """The canonical form of each sample is, to the letter, what the library made of it."""
    assert canonical_request(*split(case)) == case["canonical"]
    assert query_hash(*split(case)) == hashed(case["canonical"])


@pytest.mark.parametrize("case", CASES)
def test_what_atlassian_s_library_signed_is_accepted(case: dict[str, str]) -> None:
    """The hash of each sample is among those with which the request may be signed, however the path came to us."""
    method, path, query, base = split(case)
    stripped = path.removeprefix(base.rstrip("/"))
    for raw in (path, stripped):
        assert hashed(case["canonical"]) in accepted_hashes(method, raw.encode(), query.encode(), base)


def test_the_token_in_the_query_does_not_count() -> None:
    """The parameter `jwt` is left out, wherever it stands, and no other that looks like it."""
    assert canonical_request("GET", "/jobs", "jwt=a.b.c&n=1&jwt=&%6Awt=x") == "GET&/jobs&n=1"
    assert canonical_request("GET", "/jobs", "JWT=1&jwt2=2") == "GET&/jobs&JWT=1&jwt2=2"


def test_a_plain_request_has_one_hash() -> None:
    """Where all clients agree, nothing else is accepted."""
    assert accepted_hashes("POST", b"/rest/deployments/0.1/bulk", b"") == {hashed("POST&/rest/deployments/0.1/bulk&")}


@pytest.mark.parametrize("path", ["/p/team/shop/e/it's", "/p/team%2Fshop/e/it's", "/p/team%2Fshop/e/it%27s"])
def test_an_encoded_path_may_be_signed_in_each_form(path: str) -> None:
    """As it is on the wire, decoded, or as JavaScript encodes its parts: senders differ, the request is the same."""
    assert hashed(f"GET&{path}&") in accepted_hashes("GET", b"/p/team%2Fshop/e/it%27s", b"")


@pytest.mark.parametrize("wire", [b"/gate/jobs", b"/jobs"])
@pytest.mark.parametrize("signed", ["/gate/jobs", "/jobs"])
def test_the_path_of_the_base_url_may_be_signed_or_not(wire: bytes, signed: str) -> None:
    """With it or without: and whether a proxy has taken it off makes no difference either."""
    assert hashed(f"GET&{signed}&") in accepted_hashes("GET", wire, b"", "/gate")


def test_only_the_whole_path_of_the_base_url_is_taken_off() -> None:
    """`/gateway` is not below `/gate`."""
    assert canonical_request("GET", "/gateway", "", "/gate") == "GET&/gateway&"


def test_names_may_be_sorted_before_they_are_encoded() -> None:
    """JavaScript clients sort first and encode then, Java clients and the specification the other way round."""
    query = quote("z=1&é=2&*=3&-=4", safe="=&*")
    after, before = "%2A=3&%C3%A9=2&-=4&z=1", "%2A=3&-=4&z=1&%C3%A9=2"
    assert canonical_request("GET", "/", query) == f"GET&/&{after}"
    assert accepted_hashes("GET", b"/", query.encode()) == {hashed(f"GET&/&{after}"), hashed(f"GET&/&{before}")}


@given(pairs=PAIRS, seed=st.integers(), style=st.sampled_from(["form", "percent", "lower"]))
def test_order_and_spelling_of_the_query_make_no_difference(
    pairs: list[tuple[str, str]], seed: int, style: str
) -> None:
    """However a client orders and encodes the parameters, the canonical form is the same."""
    shuffled = random.Random(seed).sample(pairs, len(pairs))
    straight = canonical_request("GET", "/jobs", written(pairs, "percent"))
    assert canonical_request("get", "/jobs", written(shuffled, style)) == straight


@given(path=PATHS, pairs=PAIRS)
def test_what_we_would_sign_is_accepted(path: list[str], pairs: list[tuple[str, str]]) -> None:
    """Encoded or decoded, a path signed with our own function is accepted."""
    decoded = "/" + "/".join(path)
    encoded = "/" + "/".join(quote(segment, safe="") for segment in path)
    query = written(pairs, "percent")
    accepted = accepted_hashes("GET", encoded.encode(), query.encode())
    assert {query_hash("GET", encoded, query), query_hash("GET", decoded, query)} <= accepted


@given(
    method=st.sampled_from(["GET", "POST"]),
    one=st.tuples(SEGMENT, PAIRS),
    other=st.tuples(SEGMENT, PAIRS),
)
def test_another_request_has_other_hashes(
    method: str, one: tuple[str, list[tuple[str, str]]], other: tuple[str, list[tuple[str, str]]]
) -> None:
    """Two requests share a hash only if they are the same but for the order of what is in them."""

    def essence(request: tuple[str, list[tuple[str, str]]]) -> tuple[str, list[tuple[str, str]]]:
        return request[0].strip("/"), sorted(request[1])

    def hashes(request: tuple[str, list[tuple[str, str]]]) -> frozenset[str]:
        return accepted_hashes(method, b"/" + quote(request[0], safe="").encode(), written(request[1], "form").encode())

    if essence(one) != essence(other) and not any("%" in request[0] for request in (one, other)):
        assert not hashes(one) & hashes(other)


@given(raw_path=st.binary(), query_string=st.binary(), base_path=st.sampled_from(["", "/", "/gate", "/gate/"]))
def test_no_bytes_do_harm(raw_path: bytes, query_string: bytes, base_path: str) -> None:
    """Whatever comes over the wire has a few hashes, or is refused in words."""
    with suppress(Malformed):
        assert 1 <= len(accepted_hashes("GET", raw_path, query_string, base_path)) <= 12


@pytest.mark.parametrize(
    ("raw_path", "query_string", "words"),
    [
        pytest.param(b"/\xff", b"", "The path is not UTF-8.", id="path"),
        pytest.param(b"/%ff", b"", "The path is not UTF-8.", id="encoded path"),
        pytest.param(b"/", b"\xff", "The query is not UTF-8.", id="query"),
        pytest.param(b"/", b"a=%ff", "The query is not UTF-8.", id="encoded value"),
        pytest.param(b"/", b"%ff", "The query is not UTF-8.", id="encoded name"),
        pytest.param(b"/" * (LONGEST + 1), b"", "The path is longer than 16384 bytes.", id="long path"),
        pytest.param(b"/", b"a" * (LONGEST + 1), "The query is longer than 16384 bytes.", id="long query"),
        pytest.param(b"/", b"&" * MOST_PARAMETERS, "The query has more than 100 parameters.", id="many parameters"),
    ],
)
def test_what_cannot_be_hashed_is_refused(raw_path: bytes, query_string: bytes, words: str) -> None:
    """Neither text in another encoding nor more than any client sends is worked on."""
    with pytest.raises(Malformed) as caught:
        accepted_hashes("GET", raw_path, query_string)
    assert caught.value.message == words


def test_the_limits_themselves_are_allowed() -> None:
    """A path and a query that are exactly as long as they may be, with all the parameters they may have, are hashed."""
    query = "&".join(f"p{number:02}=" for number in range(MOST_PARAMETERS)).ljust(LONGEST, "x")
    assert len(accepted_hashes("GET", b"/".ljust(LONGEST, b"x"), query.encode())) == 1
