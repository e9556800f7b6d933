"""A Connect app with memory, on a real loopback socket: it is installed, calls with its secret, and is called back.

It believes nothing that is not proved, and proves it by code of its own: HMAC and hashes by hand, RSA by a library that
is told nothing but key, signature and text. What is proved it takes, then answers as it was told, and 204 else. Like
every `Sink` it runs in the event loop of a test, or, with `running`, in a thread of its own.
"""

import asyncio
import hashlib
import hmac
import json
import time
import urllib.request
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, quote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from msgspec import Struct
from typing_extensions import override

from tests.fakes.sink import Behaviour, Sink, Taken, answers

BY_INSTALL_KEY = ("/installed", "/uninstalled")
"""What may not be signed with the shared secret, for it brings or ends that."""

LIFECYCLE = ("installed", "enabled", "disabled", "uninstalled")


class Event(Struct, frozen=True, kw_only=True):
    """A call that was proved: its path below the base URL, what it was signed with, and what it says."""

    path: str
    claims: dict[str, Any]
    body: dict[str, Any]
    headers: dict[str, str]


class Unbelieved(Exception):
    """A call that proves nothing."""


class ConnectApp(Sink):
    """A Connect app.

    `keys_at` is where keys that sign installations are fetched, to which their names are added. `events` is what it was
    told and believes, `refused` why it did not believe the rest. `secrets` are the shared secrets by client key, each
    as the last install brought it. `changes` replaces members of the descriptor.
    """

    def __init__(
        self, key: str = "com.example.deployer", *, path: str = "/app", port: int = 0, default: Behaviour | None = None
    ) -> None:
        super().__init__(default=default or answers(204), port=port)
        self.key = key
        self.path = path
        self.keys_at = ""
        self.changes: dict[str, Any] = {}
        self.events: list[Event] = []
        self.refused: list[str] = []
        self.secrets: dict[str, str] = {}
        self.now: Callable[[], float] = time.time

    @property
    def base_url(self) -> str:
        """What all its addresses begin with."""
        return f"http://127.0.0.1:{self.port}{self.path}"

    @property
    def descriptor_url(self) -> str:
        """Where it describes itself."""
        return f"{self.base_url}/atlassian-connect.json"

    @property
    def descriptor(self) -> dict[str, Any]:
        """How it describes itself."""
        return {
            "key": self.key,
            "name": "Deployer",
            "description": "Deploys.",
            "vendor": {"name": "Example", "url": "https://example.com"},
            "baseUrl": self.base_url,
            "apiVersion": 1,
            "apiMigrations": {"gdpr": True, "signed-install": True, "context-qsh": True},
            "authentication": {"type": "jwt"},
            "lifecycle": {event: f"/{event}" for event in LIFECYCLE},
            "scopes": ["READ", "WRITE", "DELETE"],
            "modules": {
                "jiraDeploymentInfoProvider": {
                    "key": "deployments",
                    "name": {"value": "Deployer"},
                    "homeUrl": "https://example.com",
                },
                "jiraDeploymentGating": {
                    "key": "gating",
                    "name": {"value": "Gating"},
                    "callback": {"type": "jwt", "url": "/gating"},
                },
            },
            **self.changes,
        }

    @property
    def told(self) -> list[Event]:
        """The gating callbacks that it believes, in order, each as often as it came."""
        return [event for event in self.events if event.path == "/gating"]

    def authorization(self, method: str, target: str, *, secret: str | None = None) -> dict[str, str]:
        """Sign a request to the one place where it is installed; *target* is the path with the query."""
        (shared,) = self.secrets.values() if secret is None else (secret,)
        now = int(self.now())
        claims = {"iss": self.key, "iat": now, "exp": now + 180, "qsh": hash_of(method, target)}
        signed = ".".join(_encode(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
        signature = hmac.digest(shared.encode(), signed.encode(), "sha256")
        return {"authorization": f"JWT {signed}.{_encode(signature)}"}

    @override
    def _behaviour(self, taken: Taken) -> Behaviour:
        path = taken.target.partition("?")[0]
        if path in self._told_by_path:
            return self._told_by_path[path]
        if taken.method == "GET" and path == f"{self.path}/atlassian-connect.json":
            return answers(200, json.dumps(self.descriptor).encode(), content_type="application/json")

        async def behave(writer: asyncio.StreamWriter) -> bool:
            try:
                self._take_in(await self._proved(taken))
            except Unbelieved as error:
                self.refused.append(f"{path}: {error}")
                return await answers(401, str(error).encode())(writer)
            return await (self._told.popleft() if self._told else self.default)(writer)

        return behave

    def _take_in(self, event: Event) -> None:
        self.events.append(event)
        if event.path == "/installed":
            self.secrets[event.body["clientKey"]] = event.body["sharedSecret"]
        elif event.path == "/uninstalled":
            self.secrets.pop(event.body["clientKey"], None)

    async def _proved(self, taken: Taken) -> Event:
        if not taken.target.startswith(f"{self.path}/"):
            raise Unbelieved("it is not for this app")
        target = taken.target.removeprefix(self.path)
        path = target.partition("?")[0]
        scheme, _, token = taken.headers.get("authorization", "").partition(" ")
        if scheme != "JWT":
            raise Unbelieved("it is not signed")
        body = json.loads(taken.body)
        header, claims, signed, signature = _opened(token)
        if path in BY_INSTALL_KEY:
            await self._check_rsa(header, signed, signature)
            if claims.get("aud") != [self.base_url]:
                raise Unbelieved(f"it is meant for {claims.get('aud')}")
        else:
            self._check_hmac(header, claims, signed, signature)
            if "aud" in claims:
                raise Unbelieved("a callback names nobody whom it is meant for")
        if claims.get("iss") != body.get("clientKey", claims.get("iss")):
            raise Unbelieved("it is signed by one and written by another")
        if not claims["iat"] - 3 <= self.now() < claims["exp"] <= claims["iat"] + 180:
            raise Unbelieved("it is not of this time")
        if claims.get("qsh") != hash_of(taken.method, target):
            raise Unbelieved("it is signed for another request")
        return Event(path=path, claims=claims, body=body, headers=taken.headers)

    async def _check_rsa(self, header: dict[str, Any], signed: bytes, signature: bytes) -> None:
        if header.get("alg") != "RS256":
            raise Unbelieved(f"it is signed {header.get('alg')}")
        key = load_pem_public_key(await asyncio.to_thread(_fetch, f"{self.keys_at}/{header['kid']}"))
        assert isinstance(key, RSAPublicKey)
        try:
            key.verify(signature, signed, PKCS1v15(), SHA256())
        except InvalidSignature:
            raise Unbelieved("the signature does not fit") from None

    def _check_hmac(self, header: dict[str, Any], claims: dict[str, Any], signed: bytes, signature: bytes) -> None:
        if header.get("alg") != "HS256":
            raise Unbelieved(f"it is signed {header.get('alg')}")
        if claims.get("iss") not in self.secrets:
            raise Unbelieved(f"it is not installed at {claims.get('iss')}")
        secret = self.secrets[claims["iss"]]
        if not hmac.compare_digest(hmac.digest(secret.encode(), signed, "sha256"), signature):
            raise Unbelieved("the signature does not fit")


def hash_of(method: str, target: str) -> str:
    """Hash a request as Connect has it: *target* is its path below the base URL, with the query."""
    path, _, query = target.partition("?")
    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        values.setdefault(quote(name, safe="~"), []).append(quote(value, safe="~"))
    shown = "&".join(f"{name}={','.join(sorted(values[name]))}" for name in sorted(values) if name != "jwt")
    return hashlib.sha256(f"{method}&{path.rstrip('/') or '/'}&{shown}".encode()).hexdigest()


def _opened(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    try:
        header, claims, signature = token.split(".")
        read = json.loads(_decode(header)), json.loads(_decode(claims))
        return *read, f"{header}.{claims}".encode(), _decode(signature)
    except ValueError as error:
        raise Unbelieved(f"the token cannot be read: {error}") from None


def _encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as reply:
        pem: bytes = reply.read()
        return pem
