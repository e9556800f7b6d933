"""Ferry, a Connect app on atlassian-connect-express, seen from Python: `connect_app/` has the app itself."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

from tests.acceptance.callers import Person, until
from tests.acceptance.house import Server, free_port
from tests.clients.programs import Program, running

DEPLOYMENTS = "/rest/deployments/0.1"


class Reply(Struct, frozen=True, kw_only=True):
    """What the app's HTTP client was answered."""

    status: int
    body: Any

    def expect(self, status: int) -> "Reply":
        """Insist on a status."""
        assert self.status == status, f"{self.status} instead of {status}: {self.body}"
        return self


class Ferry:
    """The running app."""

    def __init__(self, program: Program, key: str, url: str) -> None:
        self.program = program
        self.key = key
        self.url = url

    @property
    def descriptor_url(self) -> str:
        """Where it describes itself."""
        return f"{self.url}/atlassian-connect.json"

    def heard(self, event: str) -> list[dict[str, Any]]:
        """List what it was told and the framework believed, of one kind, in order."""
        return [each for each in self.program.call("heard") if each["event"] == event]

    def hears(self, event: str, times: int = 1, within: float = 10.0) -> list[dict[str, Any]]:
        """Wait until it was told something so many times; give that."""
        return until(lambda: found if len(found := self.heard(event)) >= times else None, within) or []

    @property
    def installation(self) -> dict[str, Any]:
        """What it has kept of the one place where it is installed."""
        (found,) = self.program.call("installations")
        assert isinstance(found, dict)
        return found

    def ask(self, method: str, url: str, body: object = None) -> Reply:
        """Call its host with the framework's client: get, post or del."""
        client_key = self.installation["clientKey"]
        answer = self.program.call("ask", clientKey=client_key, method=method, url=url, body=body)
        return Reply(status=answer["status"], body=answer["body"])

    def submit(self, *deployments: Mapping[str, Any], **more: Any) -> Reply:
        """Submit deployments."""
        return self.ask("post", f"{DEPLOYMENTS}/bulk", {"deployments": list(deployments), **more})


@contextmanager
def running_ferry(
    node: list[str],
    folder: Path,
    server: Server,
    *,
    key: str,
    host: Person | None = None,
    keys_at: str = "",
    **environment: str,
) -> Iterator[Ferry]:
    """Run the app for as long as the block lasts.

    Args:
        node: the command that runs a script.
        folder: where to put what it says.
        server: whom it believes.
        key: the app's key.
        host: as whom it registers itself at *server*, if it is to.
        keys_at: where it looks for the keys that sign installations, if not at *server*.
        environment: further variables of its environment.
    """
    port = free_port()
    url = f"http://localhost:{port}"
    hosts = server.url.replace("://", f"://Ada:{host.token}@") if host is not None else ""
    with running(
        node,
        "connect_app/app.mjs",
        folder / f"{key}.log",
        PORT=str(port),
        AC_LOCAL_BASE_URL=url,
        AC_APP_KEY=key,
        CONNECT_KEYS_CDN_URL=keys_at or f"{server.url}/connect/install-keys",
        FERRY_HOSTS=hosts,
        **environment,
    ) as program:
        until(lambda: "Ferry listens" in program.said, within=20)
        yield Ferry(program, key, url)
