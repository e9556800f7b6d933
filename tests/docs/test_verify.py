"""The receivers shown in the how-to about callbacks, run against messages that are genuine and others that are not."""

import base64
import http.client
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mitregate.core.announcements import Receiver, Try, sample
from mitregate.providers.connect import Connect
from mitregate.providers.webhook import Webhook
from mitregate.wire.jira_deployments import write_gating_status
from mitregate.wire.signatures import sign, write_secret
from tests.docs.pages import DOCS, blocks
from tests.docs.stage import free_port

PAGE = DOCS / "howto/verify-a-callback.md"
SECRET = write_secret(bytes(range(32)))
OTHER = write_secret(bytes(32))

Headers = dict[str, str]


def python() -> list[str]:
    """Give the Python blocks of the page."""
    return [block.text for block in blocks(PAGE) if block.language == "python"]


def message(*, secret: str = SECRET, age: timedelta = timedelta()) -> tuple[Headers, bytes]:
    """Write a callback as it is sent."""
    told = Webhook().example()
    body = write_gating_status(told.key, told.status, told.since, told.details)
    return sign(secret, "message1", datetime.now(UTC) - age, body), body


def forged_body() -> tuple[Headers, bytes]:
    """A message whose body was changed on the way."""
    headers, body = message()
    return headers, body.replace(b"awaiting", b"allowed")


def forged_signature() -> tuple[Headers, bytes]:
    """A message by somebody who has another secret."""
    return message(secret=OTHER)


def recorded() -> tuple[Headers, bytes]:
    """A message that somebody kept for a while."""
    return message(age=timedelta(minutes=20))


def unsigned() -> tuple[Headers, bytes]:
    """A message without signature."""
    return {}, message()[1]


BAD = [forged_body, forged_signature, recorded, unsigned]


def defined(source: str, name: str) -> Any:
    """Run a block, and give what it defines under *name*."""
    names: dict[str, Any] = {}
    exec(compile(source, PAGE.name, "exec"), names)
    return names[name]


def test_the_function_takes_what_is_genuine() -> None:
    """`verify` gives the id of a genuine message, also while a secret is being replaced."""
    verify = defined(python()[0], "verify")
    headers, body = message()
    assert verify(SECRET, headers, body) == "message1"
    headers, body = message(secret=f"{OTHER} {SECRET}")
    assert verify(SECRET, headers, body) == "message1"


@pytest.mark.parametrize("bad", BAD)
def test_the_function_refuses_what_is_not(bad: Callable[[], tuple[Headers, bytes]]) -> None:
    """`verify` refuses a message that was changed, signed by somebody else, recorded, or not signed."""
    verify = defined(python()[0], "verify")
    with pytest.raises(ValueError, match=r"the signature does not fit|too old"):
        verify(SECRET, *bad())


def test_the_library_agrees() -> None:
    """The published library takes a genuine message, and refuses a changed one."""
    verify = defined(python()[2], "verify_with_library")
    headers, body = message()
    assert verify(SECRET, headers, body)["gatingStatus"] == "awaiting"
    with pytest.raises(Exception, match=r"[Ss]ignature"):
        verify(SECRET, *forged_body())


# --- a Connect app ---

SHARED, CLIENT_KEY = "a secret that the app got when it was installed", "our-client-key"


def authorization(*, age: timedelta = timedelta(), secret: str = SHARED, issuer: str = CLIENT_KEY) -> str:
    """Sign a callback to a Connect app as it is sent."""
    base_url = "https://ci.example.com/connect"
    receiver = Receiver(url=f"{base_url}/gating", secret=secret, base_url=base_url, issuer=issuer)
    this = Try(id="message1", earlier=0, at=datetime.now(UTC) - age)
    return next(Connect().announce(this, sample(), receiver)).headers["authorization"]


def unsigned_token() -> str:
    """Write a token that claims to need no signature."""
    _, claims, _ = authorization().split(".")
    header = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    return f"JWT {header}.{claims}."


def test_a_connect_app_takes_what_is_genuine() -> None:
    """`verify_connect` gives the claims of a genuine callback."""
    verify = defined(python()[3], "verify_connect")
    assert verify(SHARED, CLIENT_KEY, authorization(), "/gating")["iss"] == CLIENT_KEY


REFUSED: dict[str, tuple[Callable[[], str | None], str]] = {
    "not signed": (lambda: None, "/gating"),
    "the signature does not fit": (lambda: authorization(secret="another secret, as long as that one"), "/gating"),
    "does not fit": (unsigned_token, "/gating"),
    "somebody else is calling": (lambda: authorization(issuer="somebody"), "/gating"),
    "the token has expired": (lambda: authorization(age=timedelta(minutes=4)), "/gating"),
    "the token is for another request": (authorization, "/connect/gating"),
}
"""What must be refused, by the words in which it is: the header, and the path of the request."""


@pytest.mark.parametrize("words", REFUSED)
def test_a_connect_app_refuses_what_is_not(words: str) -> None:
    """`verify_connect` refuses what is unsigned, signed otherwise, by somebody else, too old, or for another path."""
    verify = defined(python()[3], "verify_connect")
    header, path = REFUSED[words]
    with pytest.raises(ValueError, match=words):
        verify(SHARED, CLIENT_KEY, header(), path)


# --- a receiver as a process, and in the shell ---


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[tuple[int, "subprocess.Popen[str]"]]:
    """The receiver of the page, in a process of its own: its port, and the process."""
    (tmp_path / "receiver.py").write_text("\n".join(python()[:2]), encoding="utf-8")
    port = free_port()
    environment = {**os.environ, "SIGNING_SECRET": SECRET, "PORT": str(port)}
    command = [sys.executable, str(tmp_path / "receiver.py")]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        yield port, process
        process.kill()


def post(port: int, headers: Headers, body: bytes) -> int:
    """Send a message, as soon as the receiver listens; give the status of the answer."""
    for attempt in range(200):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("POST", "/hooks/gate", body, headers)
            return connection.getresponse().status
        except ConnectionRefusedError:
            if attempt == 199:
                raise
        finally:
            connection.close()
        time.sleep(0.05)
    raise AssertionError


def test_the_receiver_receives(receiver: tuple[int, "subprocess.Popen[str]"]) -> None:
    """The receiver takes a genuine message, prints it once though it comes twice, and answers 401 to a forged one."""
    port, process = receiver
    headers, body = message()
    assert [post(port, headers, body), post(port, headers, body), post(port, *forged_body())] == [204, 204, 401]
    later, body = message()
    assert post(port, {**later, **sign(SECRET, "message2", datetime.now(UTC), body)}, body) == 204
    assert process.stdout is not None
    assert [process.stdout.readline().strip() for _ in range(2)] == ["checkout 100 awaiting"] * 2


def shell(folder: Path, headers: Headers, body: bytes) -> tuple[int, str]:
    """Run the shell block; give its exit code and what it said."""
    script = next(block.text for block in blocks(PAGE) if block.language == "sh")
    (folder / "body.json").write_bytes(body)
    environment = {
        **os.environ,
        "SIGNING_SECRET": SECRET,
        "ID": headers.get("webhook-id", ""),
        "TIMESTAMP": headers.get("webhook-timestamp", ""),
        "SIGNATURE": headers.get("webhook-signature", ""),
    }
    ran = subprocess.run(
        ["/bin/sh", "-eu", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return ran.returncode, ran.stdout.strip()


def test_the_shell_takes_what_is_genuine(tmp_path: Path) -> None:
    """The shell block calls a genuine message genuine, also while a secret is being replaced."""
    assert shell(tmp_path, *message()) == (0, "genuine")
    assert shell(tmp_path, *message(secret=f"{OTHER} {SECRET}")) == (0, "genuine")


@pytest.mark.parametrize("bad", BAD)
def test_the_shell_refuses_what_is_not(tmp_path: Path, bad: Callable[[], tuple[Headers, bytes]]) -> None:
    """The shell block ends with an error for a message that is not genuine."""
    assert shell(tmp_path, *bad())[0] != 0
