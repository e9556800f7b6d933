"""Tokens for tests: written by hand, so that anything can be amiss with them."""

import hmac
import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any

import pytest

from mitregate.core.errors import Unproven
from mitregate.wire.connect_jwt import Claims, verify, verify_plain

SECRET, OLD = "n" * 33, "o" * 64
NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
IAT = int(NOON.timestamp())
HASHES = ["0" * 64, "a" * 64]
HS256 = {"typ": "JWT", "alg": "HS256"}
CLAIMS = {"iss": "com.example.shop", "iat": IAT, "exp": IAT + 180, "qsh": HASHES[1]}
PLAIN = {"iss": "jenkins-plugin", "aud": "gate", "iat": IAT, "exp": IAT + 300, "request_body_json": "{}"}
NEVER = object()


def base64(data: bytes) -> str:
    """Encode as the parts of a token are."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def raw_token(header: bytes, payload: bytes, secret: str = SECRET) -> str:
    """Write a token of any two byte strings, signed with HMAC-SHA256 whatever its header says."""
    text = f"{base64(header)}.{base64(payload)}"
    return f"{text}.{base64(hmac.digest(secret.encode(), text.encode(), 'sha256'))}"


def token(secret: str = SECRET, header: dict[str, Any] = HS256, **claims: Any) -> str:
    """Write a token that proves all, but for the claims that are given, of which `NEVER` takes one out."""
    payload = {name: value for name, value in (CLAIMS | claims).items() if value is not NEVER}
    return raw_token(json.dumps(header).encode(), json.dumps(payload).encode(), secret)


def plain(secret: str = SECRET, **claims: Any) -> str:
    """Write a token such as the Jenkins plugin's, that proves all but for the claims that are given."""
    payload = {name: value for name, value in (PLAIN | claims).items() if value is not NEVER}
    return raw_token(json.dumps(HS256).encode(), json.dumps(payload).encode(), secret)


def verified(text: str, *secrets: str, now: datetime = NOON) -> Claims:
    """Verify at noon with the one secret, unless said otherwise."""
    return verify(text, secrets or (SECRET,), now=now, hashes=HASHES)


def verified_plain(text: str, *secrets: str, now: datetime = NOON) -> dict[str, Any]:
    """Verify at noon what the Jenkins plugin sends."""
    return dict(verify_plain(text, secrets or (SECRET,), now=now, issuer="jenkins-plugin", audience="gate"))


def refusal(text: str, now: datetime = NOON) -> str:
    """Give the words with which a token is refused, and see to it that they come with advice of their own."""
    with pytest.raises(Unproven) as caught:
        verified(text, now=now)
    assert caught.value.advice() != Unproven.hint
    return caught.value.message
