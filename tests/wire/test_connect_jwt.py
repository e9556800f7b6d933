import hmac
import json
from base64 import urlsafe_b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from mitregate.core.errors import Misconfigured, Unproven
from mitregate.wire.connect_hash import accepted_hashes
from mitregate.wire.connect_jwt import Claims, public_key_of, read_issuer, sign, sign_install, verify
from tests.fakes.keys import key_of_tests
from tests.wire.connect_tokens import HASHES, HS256, IAT, NEVER, NOON, OLD, SECRET, base64, refusal, token, verified

SAMPLE = json.loads((Path(__file__).parents[1] / "samples/connect/signed_requests/requests.json").read_text())
SECOND = timedelta(seconds=1)


# --- what proves ---


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in SAMPLE["cases"]])
def test_what_atlassian_s_library_signs_is_proved(case: dict[str, str]) -> None:
    """Its tokens prove the request they were made for, and no other method of it."""
    path, _, query = case["target"].partition("?")
    base = "/gate" if "base" in case else ""
    now = datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
    right, wrong = (accepted_hashes(method, path.encode(), query.encode(), base) for method in (case["method"], "PUT"))
    assert verify(case["token"], [SAMPLE["secret"]], now=now, hashes=right).issuer == "com.example.shop"
    with pytest.raises(Unproven, match="for another request"):
        verify(case["token"], [SAMPLE["secret"]], now=now, hashes=wrong)


def test_a_token_names_its_issuer() -> None:
    """Before anything is proved it can be read whose token it claims to be."""
    assert read_issuer(token("another")) == "com.example.shop"


def test_what_a_token_says_is_given() -> None:
    """Issuer, subject and audience, whether that is one string or a list."""
    assert verified(token(sub="anna", aud="gate")) == Claims(
        issuer="com.example.shop", subject="anna", audience=("gate",)
    )
    assert verified(token(aud=["gate", "other"], unknown={"a": [1]})).audience == ("gate", "other")
    assert verified(token(iat=NEVER, sub=None, aud=None)) == Claims(issuer="com.example.shop")


@pytest.mark.parametrize("secret", [OLD, SECRET])
def test_a_secret_can_be_replaced_without_a_gap(secret: str) -> None:
    """While two secrets are in force each of them proves, in whatever order they are."""
    assert verified(token(secret), OLD, SECRET) == verified(token(secret), SECRET, OLD)


@given(secret=st.text(st.characters(codec="utf-8"), min_size=32), issuer=st.text(min_size=1, max_size=255))
def test_what_we_sign_is_proved(secret: str, issuer: str) -> None:
    """Whatever secret and issuer are, our own tokens are good, and for three minutes."""
    text = sign(secret, issuer=issuer, now=NOON, query_hash=HASHES[0])
    assert read_issuer(text) == issuer
    assert verified(text, secret, now=NOON + timedelta(minutes=3)).issuer == issuer
    with pytest.raises(Unproven):
        verified(text, secret, now=NOON + timedelta(minutes=3) + 3 * SECOND)


def test_we_sign_what_connect_asks_for() -> None:
    """Nothing is in our tokens but what is called for: an audience would make an app look up the wrong host."""
    text = sign(SECRET, issuer="client-1", now=NOON, query_hash=HASHES[0])
    header, payload, signature = text.split(".")
    assert json.loads(urlsafe_b64decode(header)) == HS256
    assert json.loads(urlsafe_b64decode(payload + "==")) == {
        "iss": "client-1",
        "iat": IAT,
        "exp": IAT + 180,
        "qsh": HASHES[0],
    }
    assert signature == base64(hmac.digest(SECRET.encode(), f"{header}.{payload}".encode(), "sha256"))
    full = sign(SECRET, issuer="client-1", now=NOON, query_hash=HASHES[0], life=SECOND, audience="gate", subject="anna")
    assert jwt.decode(full, options={"verify_signature": False}) == {
        "iss": "client-1",
        "iat": IAT,
        "exp": IAT + 1,
        "qsh": HASHES[0],
        "aud": "gate",
        "sub": "anna",
    }


# --- time ---


@pytest.mark.parametrize(
    ("claims", "is_proved"),
    [
        pytest.param({"exp": IAT - 2}, True, id="over since a moment"),
        pytest.param({"exp": IAT - 2.5}, True, id="over since a moment and a half"),
        pytest.param({"exp": IAT - 3}, False, id="over"),
        pytest.param({"exp": -(10**18)}, False, id="over since ever"),
        pytest.param({"exp": 10**18}, True, id="good for ever"),
        pytest.param({"iat": IAT + 60}, True, id="clock a minute ahead"),
        pytest.param({"iat": IAT + 61}, False, id="clock more than a minute ahead"),
        pytest.param({"nbf": IAT + 60}, True, id="good from now on"),
        pytest.param({"nbf": IAT + 61}, False, id="good later"),
        pytest.param({"iat": 1e300}, False, id="of the far future"),
        pytest.param({"iat": None, "nbf": None}, True, id="no word of its beginning"),
    ],
)
def test_a_token_is_good_for_its_time(claims: dict[str, Any], is_proved: bool) -> None:
    """Until three seconds past its end, and not from the future, but for clocks that do not quite agree."""
    if is_proved:
        assert verified(token(**claims)).issuer == "com.example.shop"
    else:
        assert refusal(token(**claims)) == (
            "The token has expired." if "exp" in claims else "The token is of the future."
        )


# --- our own key ---


def test_installations_are_signed_with_our_key() -> None:
    """Whoever fetches the public half by the name in the header can verify; the audience is a list of one."""
    text = sign_install(
        key_of_tests(), "k-1", issuer="client-1", audience="https://app.example", now=NOON, query_hash=HASHES[0]
    )
    assert jwt.get_unverified_header(text) == {"typ": "JWT", "alg": "RS256", "kid": "k-1"}
    public = public_key_of(key_of_tests())
    assert public.startswith("-----BEGIN PUBLIC KEY-----\n")
    claims = jwt.decode(
        text, public, algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False, "verify_aud": False}
    )
    assert claims == {
        "iss": "client-1",
        "aud": ["https://app.example"],
        "iat": IAT,
        "exp": IAT + 180,
        "qsh": HASHES[0],
    }


def test_only_an_rsa_key_with_a_decent_name_signs() -> None:
    """What is no such key, or has a name that apps do not ask for, is said to be misconfigured."""
    elliptic = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(Misconfigured, match="is not an RSA key"):
        public_key_of(elliptic.decode())
    with pytest.raises(Misconfigured, match="is not a PEM private key"):
        public_key_of("not a key")
    with pytest.raises(Misconfigured, match="'a b' of the key"):
        sign_install(key_of_tests(), "a b", issuer="i", audience="a", now=NOON, query_hash="")
