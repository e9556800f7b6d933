"""Standard Webhooks signatures: who sent a message, that nobody changed it, and that it is fresh.

A message carries three headers: `webhook-id` (the same over all tries), `webhook-timestamp` (of this try, in seconds)
and `webhook-signature`, a list divided by spaces of `v1,<base64 of the HMAC-SHA256 of "id.timestamp.body">`. A secret
is written `whsec_<base64 of 24 to 64 bytes>`. While one replaces another both are in force: wherever a secret is
expected, several may be given, divided by spaces. The sender signs with each, the receiver takes what any has signed.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, version 1.0.0.
"""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta

from mitregate.core.errors import Misconfigured, Unproven

PREFIX = "whsec_"
SIZES = range(24, 65)
"""How many bytes a secret may have."""


def write_secret(key: bytes) -> str:
    """Write a key of 24 to 64 random bytes as people hand it on; `Misconfigured` if it has another size."""
    _check_size(key)
    return PREFIX + b64encode(key).decode()


def sign(secret: str, message_id: str, timestamp: datetime, body: bytes) -> dict[str, str]:
    """Sign a message.

    Args:
        secret: one secret, or several divided by spaces while one replaces another.
        message_id: by which the receiver knows a repeated message; without a dot, which divides what is signed.
        timestamp: when this try is made.
        body: the body exactly as it will be sent.

    Returns:
        The three headers to send along.

    Raises:
        Misconfigured: there is no secret, or one of them is not of the right form.
        ValueError: the id is empty or contains a dot.
    """
    if not message_id or "." in message_id:
        raise ValueError(f"the message id {message_id!r} is empty or contains a dot")
    seconds = str(int(timestamp.timestamp()))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(_signatures(secret, message_id, seconds, body)),
    }


def verify(secret: str, headers: Mapping[str, str], body: bytes, *, now: datetime, tolerance: timedelta) -> str:
    """Prove that a message comes from somebody who has the secret, unchanged and fresh.

    Args:
        secret: one secret, or several divided by spaces, of which any one will do.
        headers: the message's headers, names in lower case.
        body: the body exactly as it arrived.
        now: the time at the receiver.
        tolerance: how far the message's time may lie before or after *now*; exactly as far is still fresh.

    Returns:
        The message's id, by which a repeated message can be told.

    Raises:
        Unproven: a header is missing, the message is too old or too new, or no signature fits.
        Misconfigured: there is no secret, or one of them is not of the right form.
    """
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    message_id, seconds, offered = (headers.get(name, "") for name in names)
    if not (message_id and seconds and offered):
        raise Unproven("The message is not signed.", advice=f"Send the headers {', '.join(names)}.")
    expected = _signatures(secret, message_id, seconds, body)
    # Every pair is compared, each in constant time: how long it takes tells nothing about the right signature.
    matches = [hmac.compare_digest(a.encode(), b.encode()) for a in expected for b in offered.split()]
    if not any(matches):
        raise Unproven("No signature of the message fits.", advice="Compare the secrets of both sides.")
    # The time is read only once it is known to be the sender's own.
    if not _is_fresh(seconds, now, tolerance):
        raise Unproven("The message is too old or too new.", advice="Compare the clocks of both sides.")
    return message_id


def _is_fresh(seconds: str, now: datetime, tolerance: timedelta) -> bool:
    is_number = seconds.isascii() and seconds.isdigit() and len(seconds) <= len("253402300799")
    return is_number and abs(int(now.timestamp()) - int(seconds)) <= tolerance.total_seconds()


def _signatures(secret: str, message_id: str, seconds: str, body: bytes) -> list[str]:
    keys = [_read_secret(part) for part in secret.split()]
    if not keys:
        raise Misconfigured("There is no webhook secret.", advice=f"Set one of the form {PREFIX}<base64>.")
    content = f"{message_id}.{seconds}.".encode() + body
    return ["v1," + b64encode(hmac.digest(key, content, "sha256")).decode() for key in keys]


def _read_secret(secret: str) -> bytes:
    text = secret.removeprefix(PREFIX).rstrip("=")
    try:
        # Some tools leave out the padding at the end of base64.
        key = b64decode(text + "=" * (-len(text) % 4), validate=True) if secret.startswith(PREFIX) else b""
    except ValueError:
        key = b""
    _check_size(key)
    return key


def _check_size(key: bytes) -> None:
    if len(key) not in SIZES:
        raise Misconfigured(
            "The webhook secret is not of the right form.",
            advice=f"Set one of the form {PREFIX}<base64 of {SIZES.start} to {SIZES.stop - 1} random bytes>.",
        )
