import hmac
import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from mitregate.core.errors import Misconfigured, Unproven
from mitregate.wire.signatures import sign, verify, write_secret

# The secret and the signature of the reference libraries' own tests.
KNOWN_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD, NEW = write_secret(b"o" * 24), write_secret(b"n" * 64)
NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
FIVE_MINUTES = timedelta(minutes=5)
BODY = b'{"gatingStatus":"allowed"}'


def checked(secret: str, headers: dict[str, str], body: bytes = BODY, now: datetime = NOON) -> str:
    """Verify with a tolerance of five minutes."""
    return verify(secret, headers, body, now=now, tolerance=FIVE_MINUTES)


def test_the_specification_s_own_example_is_signed() -> None:
    """The example of the reference libraries gets the signature that they give it."""
    headers = sign(
        KNOWN_SECRET,
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330, UTC),
        b'{"test": 2432232314}',
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@given(key=st.binary(min_size=24, max_size=64), body=st.dictionaries(st.text(), st.integers() | st.text()))
def test_the_reference_library_takes_what_we_sign(key: bytes, body: dict[str, object]) -> None:
    """Whatever the secret and the body, the reference library verifies our signature and refuses it once changed."""
    secret, text = write_secret(key), json.dumps(body)
    headers = sign(secret, "msg-1", datetime.now(UTC), text.encode())
    assert Webhook(secret).verify(text, headers) == body
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(text + " ", headers)


@given(key=st.binary(min_size=24, max_size=64), body=st.text())
def test_we_take_what_the_reference_library_signs(key: bytes, body: str) -> None:
    """Whatever the secret and the body, a message that the reference library signed is proved here."""
    secret = write_secret(key)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(NOON.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", NOON, body),
    }
    assert checked(secret, headers, body.encode()) == "msg_1"


def test_a_message_keeps_its_id() -> None:
    """The id is what tells a repeated message, and verifying gives it back."""
    assert checked(OLD, sign(OLD, "job-7", NOON, BODY)) == "job-7"


@pytest.mark.parametrize(
    ("sender", "receiver"),
    [
        pytest.param(f"{NEW} {OLD}", OLD, id="receiver-still-has-the-old"),
        pytest.param(f"{NEW} {OLD}", NEW, id="receiver-has-the-new"),
        pytest.param(OLD, f"{NEW} {OLD}", id="sender-still-has-the-old"),
        pytest.param(NEW, f"{NEW} {OLD}", id="sender-has-the-new"),
    ],
)
def test_a_secret_can_be_replaced_without_a_gap(sender: str, receiver: str) -> None:
    """While either side has both secrets, messages are proved with the one they share."""
    headers = sign(sender, "job-7", NOON, BODY)
    assert len(headers["webhook-signature"].split(" ")) == len(sender.split(" "))
    assert checked(receiver, headers) == "job-7"


def test_unknown_kinds_of_signatures_are_passed_over() -> None:
    """A list of signatures may hold kinds that we do not know, such as v1a, beside one that fits."""
    headers = sign(OLD, "job-7", NOON, BODY)
    headers["webhook-signature"] = f"v1a,abc v2 , é v1, {headers['webhook-signature']}"
    assert checked(OLD, headers) == "job-7"


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "job-8"},
        {"webhook-timestamp": str(int(NOON.timestamp()) + 1)},
        {"webhook-signature": "v1," + b64encode(b"x" * 32).decode()},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "é"},
        {"webhook-signature": "   "},
        {"webhook-id": ""},
        {"webhook-timestamp": ""},
        {"webhook-signature": ""},
    ],
)
def test_a_changed_header_proves_nothing(change: dict[str, str]) -> None:
    """Another id, time or signature, or none, is refused."""
    with pytest.raises(Unproven):
        checked(OLD, sign(OLD, "job-7", NOON, BODY) | change)


def test_a_changed_body_proves_nothing() -> None:
    """One more byte in the body is refused."""
    with pytest.raises(Unproven, match="No signature"):
        checked(OLD, sign(OLD, "job-7", NOON, BODY), BODY + b" ")


def test_another_secret_proves_nothing() -> None:
    """A message signed with another secret is refused."""
    with pytest.raises(Unproven, match="No signature"):
        checked(OLD, sign(NEW, "job-7", NOON, BODY))


@pytest.mark.parametrize(("seconds", "is_fresh"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)])
def test_a_message_is_fresh_for_as_long_as_is_said(seconds: int, is_fresh: bool) -> None:
    """Exactly at the tolerance, before or after, a message is fresh; one second beyond it is not."""
    headers = sign(OLD, "job-7", NOON + timedelta(seconds=seconds), BODY)
    if is_fresh:
        assert checked(OLD, headers) == "job-7"
    else:
        with pytest.raises(Unproven, match="too old or too new"):
            checked(OLD, headers)


@pytest.mark.parametrize("seconds", ["-1", "1e9", "١٢", "99999999999999999999", "noon", "12.5"])
def test_a_time_that_is_no_number_is_not_fresh(seconds: str) -> None:
    """Even a well signed message is refused when its time makes no sense."""
    content = f"job-7.{seconds}.".encode() + BODY
    signature = b64encode(hmac.digest(b"o" * 24, content, "sha256")).decode()
    headers = {"webhook-id": "job-7", "webhook-timestamp": seconds, "webhook-signature": f"v1,{signature}"}
    with pytest.raises(Unproven, match="too old or too new"):
        checked(OLD, headers)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "  ",
        "hunter2",
        OLD.removeprefix("whsec_"),
        "whsec_",
        "whsec_!!!!",
        "whsec_YWJj",
        f"{OLD} hunter2",
        "whsec_é",
    ],
)
def test_a_secret_must_be_of_the_right_form(secret: str) -> None:
    """A secret without the prefix, that is not base64, or that is too short is refused, and is not repeated."""
    with pytest.raises(Misconfigured) as caught:
        sign(secret, "job-7", NOON, BODY)
    assert "whsec_<base64" in caught.value.advice()
    assert "hunter2" not in caught.value.message + caught.value.advice()
    with pytest.raises(Misconfigured):
        checked(secret, sign(OLD, "job-7", NOON, BODY))


def test_a_secret_may_lack_its_padding() -> None:
    """Base64 without the equals signs at its end is the same secret."""
    secret = write_secret(b"k" * 25)
    assert secret.endswith("==")
    assert checked(secret.rstrip("="), sign(secret, "job-7", NOON, BODY)) == "job-7"


@pytest.mark.parametrize("size", [0, 23, 65])
def test_a_key_has_24_to_64_bytes(size: int) -> None:
    """A key of another size is not written as a secret."""
    with pytest.raises(Misconfigured):
        write_secret(b"k" * size)


@pytest.mark.parametrize("message_id", ["", "a.b"])
def test_an_id_cannot_run_into_the_time(message_id: str) -> None:
    """An id with the dot that divides what is signed, or none, is not signed."""
    with pytest.raises(ValueError, match="message id"):
        sign(OLD, message_id, NOON, BODY)
