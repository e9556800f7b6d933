"""JSON Web Tokens: as Connect has them, in both directions, and the plain ones of the Jenkins plugin.

An app proves a request with a token signed HS256 with the secret it shares with us, and is called with such tokens.
What creates or ends that secret, the calls `installed` and `uninstalled`, is signed RS256 with a key of our own, whose
public half the app fetches by its `kid`.

PyJWT reads, writes and checks signatures; what the claims mean is judged here, by the time that is handed in.

Sources: https://developer.atlassian.com/cloud/jira/platform/understanding-jwt-for-connect-apps/,
https://developer.atlassian.com/cloud/jira/platform/security-for-connect-apps/; RFC 7519, RFC 8725.
"""

import hmac
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from msgspec import Struct

from mitregate.core.errors import Misconfigured, Unproven
from mitregate.wire.connect_hash import CONTEXT

T = TypeVar("T")

ALGORITHM = "HS256"
"""What others may sign with; whatever a token's header names besides is refused."""

LONGEST = 8 * 1024
"""How many characters a token in a header or a query may have."""

LONGEST_ISSUER = 255

LEEWAY = timedelta(seconds=3)
"""For how long after its end a token is still taken."""

SKEW = timedelta(minutes=1)
"""How far the clock of an app may be ahead of ours."""

LIFE = timedelta(minutes=3)
"""How long our tokens are good: as long as Atlassian's own."""

KEY_ID = re.compile(r"[A-Za-z0-9_/-]+")
"""What may name a key: GitLab takes nothing else."""


class Claims(Struct, frozen=True, kw_only=True):
    """What a Connect token that was proved says."""

    issuer: str
    subject: str | None = None
    audience: tuple[str, ...] = ()


class _Payload(Struct, frozen=True):
    """What is read of a payload; all else in it is passed over."""

    iss: str | None = None
    exp: float | None = None
    iat: float | None = None
    nbf: float | None = None
    aud: str | tuple[str, ...] | None = None
    sub: str | None = None
    qsh: str | None = None


_CONNECT = msgspec.json.Decoder(_Payload)
_PLAIN = msgspec.json.Decoder(dict[str, Any])


def read_issuer(token: str) -> str:
    """Read whose token it claims to be, which tells the secrets that must prove it; nothing is proved yet.

    Raises:
        Unproven: it is no token signed HS256, or does not name its issuer.
    """
    return _issuer(_decode(_CONNECT, _open(token, LONGEST)))


def verify(token: str, secrets: Sequence[str], *, now: datetime, hashes: Collection[str]) -> Claims:
    """Prove that a request comes from the app that has the secret, and is the one that it signed.

    Args:
        token: the token.
        secrets: the app's shared secrets: several while one replaces another, of which any one will do.
        now: the time here.
        hashes: what the token's `qsh` may be, of `connect_hash.accepted_hashes`.

    Raises:
        Unproven: it does not prove that; each cause has its own words.
    """
    payload = _decode(_CONNECT, _proved(token, LONGEST, secrets))
    _check_time(payload, now, leeway=LEEWAY, skew=SKEW)
    _check_hash(payload.qsh, hashes)
    return Claims(issuer=_issuer(payload), subject=payload.sub, audience=_listed(payload.aud))


def verify_plain(
    token: str, secrets: Sequence[str], *, now: datetime, issuer: str, audience: str, leeway: timedelta = LEEWAY
) -> Mapping[str, Any]:
    """Prove that a token, whose length the caller has bounded, comes from *issuer* and is meant for *audience*.

    Args:
        token: the token.
        secrets: the secrets of which any one will do.
        now: the time here; a token of the future, even of the next second, is refused.
        issuer: what `iss` must be.
        audience: what `aud` must be, or have in its list.
        leeway: for how long after its end the token is still taken.

    Returns:
        All claims.

    Raises:
        Unproven: it does not prove that; each cause has its own words.
    """
    raw = _proved(token, len(token), secrets)
    payload = _decode(_CONNECT, raw)
    if payload.iss != issuer:
        raise _unproven(f"The token's issuer is not {issuer!r}.", f"Put {issuer!r} into the claim `iss`.")
    if audience not in _listed(payload.aud):
        raise _unproven(f"The token is not meant for {audience!r}.", f"Put {audience!r} into the claim `aud`.")
    if payload.iat is None:
        raise _unproven("The token does not say when it was issued.", "Put the time in seconds into the claim `iat`.")
    _check_time(payload, now, leeway=leeway, skew=timedelta(0))
    return _decode(_PLAIN, raw)


def sign(
    secret: str,
    *,
    issuer: str,
    now: datetime,
    query_hash: str,
    life: timedelta = LIFE,
    audience: str | None = None,
    subject: str | None = None,
) -> str:
    """Sign a request with a shared secret.

    Args:
        secret: the secret shared with whoever is called.
        issuer: what the caller is called there.
        now: the time here.
        query_hash: of `connect_hash`, of the request.
        life: for how long the token is good.
        audience: whom it is meant for, if that is to be said.
        subject: on whose behalf the call is made, if anybody's.

    Returns:
        The token, for the header `Authorization: JWT <token>`.
    """
    claims: dict[str, Any] = _claims(issuer, now, life, query_hash)
    claims |= {name: value for name, value in {"aud": audience, "sub": subject}.items() if value is not None}
    return jwt.encode(claims, secret, algorithm=ALGORITHM)


def sign_install(private_key_pem: str, kid: str, *, issuer: str, audience: str, now: datetime, query_hash: str) -> str:
    """Sign the call `installed` or `uninstalled`, of which no shared secret may be the proof.

    Args:
        private_key_pem: our RSA key.
        kid: the name under which the app fetches the public half.
        issuer: our client key.
        audience: the app's base URL.
        now: the time here.
        query_hash: of `connect_hash`, of the request.

    Returns:
        The token, for the header `Authorization: JWT <token>`.

    Raises:
        Misconfigured: the key is none, or its name is not one that apps take.
    """
    if not KEY_ID.fullmatch(kid):
        raise Misconfigured(f"The name {kid!r} of the key that signs installations is not of letters, digits, - _ /.")
    # A list of one, although a string would do by the standard: atlassian-connect-express reads the list's first item.
    claims = _claims(issuer, now, LIFE, query_hash) | {"aud": [audience]}
    return jwt.encode(claims, _rsa(private_key_pem), algorithm="RS256", headers={"kid": kid})


def public_key_of(private_key_pem: str) -> str:
    """Give the public half of an RSA key as PEM, which apps fetch; `Misconfigured` if there is no such key in it."""
    public = _rsa(private_key_pem).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _claims(issuer: str, now: datetime, life: timedelta, query_hash: str) -> dict[str, Any]:
    return {"iss": issuer, "iat": int(now.timestamp()), "exp": int((now + life).timestamp()), "qsh": query_hash}


def _rsa(private_key_pem: str) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(private_key_pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise Misconfigured("The key that signs installations is not a PEM private key.") from error
    if not isinstance(key, RSAPrivateKey):
        raise Misconfigured("The key that signs installations is not an RSA key.")
    return key


# --- the form of a token, and its signature ---


def _open(token: str, longest: int) -> bytes:
    if len(token) > longest:
        raise _unproven(f"The token is longer than {longest} characters.", "Send only the claims that are asked for.")
    if not token.isascii() or token.count(".") != 2:
        raise _unproven("The token is not a JSON Web Token.", "Send `JWT <token>`, three parts divided by dots.")
    try:
        opened = jwt.api_jws.decode_complete(token, options={"verify_signature": False})
    except jwt.PyJWTError as error:
        raise _unproven(f"The token cannot be read: {error}.", "Compare it with what a JWT library makes.") from None
    if opened["header"].get("alg") != ALGORITHM:
        raise _unproven(
            f"The token is not signed with {ALGORITHM}.", f"Sign it with {ALGORITHM} and the shared secret."
        )
    payload: bytes = opened["payload"]
    return payload


def _proved(token: str, longest: int, secrets: Sequence[str]) -> bytes:
    payload = _open(token, longest)
    # Each secret is tried, and each signature compared in constant time: how long it takes tells nothing about them.
    fits = [_fits(token, secret) for secret in secrets]
    if not any(fits):
        raise _unproven(
            "The token's signature does not fit.",
            "Sign it with the secret that both sides share; install the app again to renew that.",
        )
    return payload


def _fits(token: str, secret: str) -> bool:
    try:
        jwt.api_jws.decode(token, secret, algorithms=[ALGORITHM])
    except jwt.PyJWTError:
        return False
    return True


def _decode(decoder: msgspec.json.Decoder[T], payload: bytes) -> T:
    try:
        return decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _unproven(
            f"The token's claims are not as they should be: {error}.", "Compare them with RFC 7519, section 4.1."
        ) from None


# --- what the claims say ---


def _issuer(payload: _Payload) -> str:
    if not payload.iss or len(payload.iss) > LONGEST_ISSUER:
        raise _unproven("The token names no issuer.", "Put the app's key into the claim `iss`.")
    return payload.iss


def _check_time(payload: _Payload, now: datetime, *, leeway: timedelta, skew: timedelta) -> None:
    time = now.timestamp()
    if payload.exp is None:
        raise _unproven("The token does not say when it ends.", "Put a time in seconds into the claim `exp`.")
    if time >= payload.exp + leeway.total_seconds():
        raise _unproven("The token has expired.", "Make a new one for each request, and compare both clocks.")
    if max(payload.iat or 0, payload.nbf or 0) > time + skew.total_seconds():
        raise _unproven("The token is of the future.", "Compare the clocks of both sides.")


def _check_hash(offered: str | None, hashes: Collection[str]) -> None:
    advice = "Put into the claim `qsh` the SHA-256, in hex, of METHOD&path&query of this very request."
    if not offered:
        raise _unproven("The token is not tied to a request: it has no claim `qsh`.", advice)
    if offered == CONTEXT:
        raise _unproven(f"The token is one for pages in a browser: its `qsh` is {CONTEXT!r}.", advice)
    matches = [hmac.compare_digest(offered.encode(), accepted.encode()) for accepted in hashes]
    if not any(matches):
        raise _unproven("The token is for another request: its `qsh` does not fit this one.", advice)


def _listed(audience: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return (audience,) if isinstance(audience, str) else audience or ()


def _unproven(message: str, advice: str) -> Unproven:
    return Unproven(message, advice=advice)
