import json
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitregate.core.errors import Unproven
from mitregate.wire.connect_jwt import LONGEST, public_key_of, read_issuer, sign_install, verify, verify_plain
from tests.fakes.keys import key_of_tests
from tests.wire.connect_tokens import (
    HASHES,
    HS256,
    IAT,
    NEVER,
    NOON,
    OLD,
    PLAIN,
    SECRET,
    base64,
    plain,
    raw_token,
    refusal,
    token,
    verified,
    verified_plain,
)

JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", "The token is not a JSON Web Token.", id="nothing"),
        pytest.param("a.b", "The token is not a JSON Web Token.", id="two parts"),
        pytest.param("a.b.c.d", "The token is not a JSON Web Token.", id="four parts"),
        pytest.param("é.é.é", "The token is not a JSON Web Token.", id="not ASCII"),
        pytest.param("..", "The token cannot be read: Invalid header string", id="empty parts"),
        pytest.param("?.?.?", "The token cannot be read: Invalid header padding.", id="not base64"),
        pytest.param(f"{base64(b'[]')}.e30.", "The token cannot be read: Invalid header string", id="header a list"),
        pytest.param(f"{base64(b'[' * 4000)}.e30.", "The token cannot be read: Invalid header", id="deep header"),
        pytest.param(token(header={"typ": "JWT"}), "The token is not signed with HS256.", id="no algorithm"),
        pytest.param(token(header=HS256 | {"alg": ["HS256"]}), "The token is not signed with HS256.", id="two of them"),
        pytest.param(token(header=HS256 | {"alg": "HS512"}), "The token is not signed with HS256.", id="HS512"),
        pytest.param(token(header=HS256 | {"crit": ["x"]}), "The token cannot be read: Unsupported", id="critical"),
        pytest.param(
            token(header=HS256 | {"b64": False, "crit": ["b64"]}), "The token cannot be read: Payload", id="detached"
        ),
        pytest.param(token(padding="x" * LONGEST), "The token is longer than 8192 characters.", id="long"),
        pytest.param(raw_token(json.dumps(HS256).encode(), b"[]"), "The token's claims are not as they", id="list"),
        pytest.param(raw_token(json.dumps(HS256).encode(), b"\xff"), "The token's claims are not as they", id="bytes"),
        pytest.param(raw_token(json.dumps(HS256).encode(), b"[" * 4000), "The token's claims are not as", id="deep"),
        pytest.param(token(iss=5), "The token's claims are not as they should be: Expected `str", id="issuer"),
        pytest.param(token(exp="soon"), "The token's claims are not as they should be: Expected `float", id="end"),
        pytest.param(token(iat=True), "The token's claims are not as they should be: Expected `float", id="beginning"),
        pytest.param(token(aud={}), "The token's claims are not as they should be: Expected `str", id="audience"),
    ],
)
def test_what_is_no_good_token_is_refused(text: str, words: str) -> None:
    """Not a token, or not one of ours: said in words, and in the same when only its issuer is asked for."""
    assert refusal(text).startswith(words)
    with pytest.raises(Unproven) as caught:
        read_issuer(text)
    assert caught.value.message.startswith(words)


@pytest.mark.parametrize("issuer", [NEVER, None, "", "i" * 256])
def test_a_token_must_name_its_issuer(issuer: Any) -> None:
    """Without an issuer, or with one longer than any key, nobody's secret is looked for."""
    with pytest.raises(Unproven, match=r"The token names no issuer."):
        read_issuer(token(iss=issuer))
    assert refusal(token(iss=issuer)) == "The token names no issuer."


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        pytest.param({"exp": NEVER}, "The token does not say when it ends.", id="no end"),
        pytest.param({"exp": None}, "The token does not say when it ends.", id="null end"),
        pytest.param({"qsh": NEVER}, "The token is not tied to a request: it has no claim `qsh`.", id="no hash"),
        pytest.param({"qsh": ""}, "The token is not tied to a request: it has no claim `qsh`.", id="empty hash"),
        pytest.param({"qsh": "b" * 64}, "The token is for another request: its `qsh` does not fit this one.", id="no"),
        pytest.param({"qsh": "é"}, "The token is for another request: its `qsh` does not fit this one.", id="not hex"),
        pytest.param(
            {"qsh": "context-qsh"},
            "The token is one for pages in a browser: its `qsh` is 'context-qsh'.",
            id="context token",
        ),
    ],
)
def test_each_thing_amiss_has_its_own_words(claims: dict[str, Any], words: str) -> None:
    """Who sends a token that is signed well but says the wrong thing is told which."""
    assert refusal(token(**claims)) == words


def test_a_hash_of_the_request_is_needed_whatever_is_accepted() -> None:
    """A token for a page is not accepted even if somebody were to list its stand-in as a hash."""
    with pytest.raises(Unproven, match="pages in a browser"):
        verify(token(qsh="context-qsh"), [SECRET], now=NOON, hashes=["context-qsh"])
    with pytest.raises(Unproven, match="another request"):
        verify(token(), [SECRET], now=NOON, hashes=[])


def test_a_token_without_signature_proves_nothing() -> None:
    """The algorithm "none" is refused, in any spelling, with the signature and without."""
    for algorithm in ("none", "None", "NONE", "nOnE", ""):
        header, payload, signature = token(header=HS256 | {"alg": algorithm}).split(".")
        assert refusal(f"{header}.{payload}.") == "The token is not signed with HS256."
        assert refusal(f"{header}.{payload}.{signature}") == "The token is not signed with HS256."
    header, payload, _ = token().split(".")
    assert refusal(f"{header}.{payload}.") == "The token's signature does not fit."


def test_a_public_key_is_never_taken_for_a_secret() -> None:
    """A token signed with our public key as if it were a secret, or RS256 with our own key, proves nothing."""
    public = public_key_of(key_of_tests())
    confused = token(secret=public)
    with pytest.raises(Unproven, match="does not fit"):
        verified(confused, public)
    ours = sign_install(key_of_tests(), "k", issuer="i", audience="a", now=NOON, query_hash=HASHES[0])
    with pytest.raises(Unproven, match="not signed with HS256"):
        verified(ours, public)


@pytest.mark.parametrize("secrets", [[], [""], [OLD], [SECRET[:-1]], [SECRET + "n"]])
def test_another_secret_does_not_prove(secrets: list[str]) -> None:
    """Nor does none, or an empty one with which the token is signed."""
    for text in (token(), token(secret="")):
        with pytest.raises(Unproven, match="does not fit") as caught:
            verify(text, secrets, now=NOON, hashes=HASHES)
        assert "install the app again" in caught.value.advice()


@given(position=st.integers(min_value=0, max_value=len(token()) - 1), character=st.characters(codec="ascii"))
def test_a_token_that_was_tampered_with_proves_nothing(position: int, character: str) -> None:
    """Whichever character of a good token is another one, it is refused."""
    good = token()
    if good[position] != character:
        assert refusal(good[:position] + character + good[position + 1 :])


@given(
    header=st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit", "b64", "jwk"]), st.just("HS256") | JSON),
    payload=st.binary()
    | st.dictionaries(st.sampled_from([*PLAIN, "qsh", "nbf", "sub"]), JSON).map(
        lambda claims: json.dumps(claims).encode()
    ),
    text=st.text(),
)
def test_no_token_does_harm(header: dict[str, Any], payload: bytes, text: str) -> None:
    """Whatever is sent as a token, signed well or not, is read or refused in words."""
    for sent in (raw_token(json.dumps(HS256 | header).encode(), payload), text, f"{text}.{text}.{text}"):
        with suppress(Unproven):
            assert read_issuer(sent)
        with suppress(Unproven):
            assert verified(sent).issuer
        with suppress(Unproven):
            assert verified_plain(sent)


# --- the plain ones ---


@pytest.mark.parametrize("audience", ["gate", ["gate"], ["other", "gate"]])
def test_a_plain_token_is_proved(audience: str | list[str]) -> None:
    """All its claims are given, of whatever length they are and in whichever form the audience is written."""
    body = "x" * 100_000
    assert verified_plain(plain(aud=audience, request_body_json=body), OLD, SECRET) == PLAIN | {
        "aud": audience,
        "request_body_json": body,
    }


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        pytest.param({"iss": "other"}, "The token's issuer is not 'jenkins-plugin'.", id="issuer"),
        pytest.param({"iss": NEVER}, "The token's issuer is not 'jenkins-plugin'.", id="no issuer"),
        pytest.param({"aud": "gates"}, "The token is not meant for 'gate'.", id="audience"),
        pytest.param({"aud": []}, "The token is not meant for 'gate'.", id="empty audience"),
        pytest.param({"aud": NEVER}, "The token is not meant for 'gate'.", id="no audience"),
        pytest.param({"iat": NEVER}, "The token does not say when it was issued.", id="no beginning"),
        pytest.param({"iat": IAT + 1}, "The token is of the future.", id="future"),
        pytest.param({"exp": NEVER}, "The token does not say when it ends.", id="no end"),
        pytest.param({"exp": IAT - 3}, "The token has expired.", id="over"),
    ],
)
def test_a_plain_token_is_refused_in_words(claims: dict[str, Any], words: str) -> None:
    """Each thing amiss has its own, for the plugin shows them to people."""
    with pytest.raises(Unproven) as caught:
        verified_plain(plain(**claims))
    assert caught.value.message == words


def test_a_plain_token_needs_its_signature_and_its_leeway_can_be_set() -> None:
    """Another secret proves nothing; the leeway is three seconds unless it is said otherwise."""
    with pytest.raises(Unproven, match="does not fit"):
        verified_plain(plain(OLD))
    assert verified_plain(plain(exp=IAT - 2))
    with pytest.raises(Unproven, match="expired"):
        verify_plain(plain(exp=IAT), [SECRET], now=NOON, issuer="jenkins-plugin", audience="gate", leeway=timedelta(0))
