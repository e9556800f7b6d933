"""The client for programs without an event loop."""

import ssl
import time
from collections.abc import Callable, Mapping
from typing import Self, TypeVar

from mitregate.client.caller import Caller
from mitregate.client.connections import Connections
from mitregate.client.proofs import Proof
from mitregate.client.retries import ONCE, USUAL, Dialogue, Pause, Retries
from mitregate.client.sites import Site
from mitregate.client.surroundings import REAL
from mitregate.client.values import Deployment, GatingState, Key, Outcome, Submitted
from mitregate.core.errors import Unreachable
from mitregate.wire.http import Reply, Request

T = TypeVar("T")

TIMEOUT = 10.0
"""Seconds that one exchange may take, unless said otherwise."""

LARGEST_BODY = 32 * 1024 * 1024
"""Bytes of a reply that are read, unless said otherwise."""


class Client:
    """A client of the Deployments API at one site, for one app. Threads may share it.

    It is a context manager. Every operation raises `Unreachable` if there is no reply, and otherwise, where a reply is
    no success, an error by what the reply says: `Malformed`, `TooLarge`, `Unproven`, `Forbidden`, `Unknown`,
    `Unsettled`, and `Misconfigured` where something else answers than a Deployments API.
    """

    def __init__(
        self,
        site: Site,
        proof: Proof | None,
        *,
        retries: Retries = USUAL,
        timeout: float = TIMEOUT,
        tls: ssl.SSLContext | None = None,
        largest_body: int = LARGEST_BODY,
        on_pause: Callable[[Pause], None] | None = None,
    ) -> None:
        """Get ready; nothing is sent yet.

        Args:
            site: where the API is.
            proof: how the app proves who it is; None not to.
            retries: when a request is made again.
            timeout: how long one exchange may take, in seconds; an operation may consist of several.
            tls: how to prove https servers; None for the system's certificate authorities.
            largest_body: how much of a reply's body is read, in bytes.
            on_pause: is told of each pause before it begins, such as to log why there is one.

        Raises:
            Misconfigured: the site does not know this kind of proof.
        """
        self._caller = Caller(site, proof, retries, REAL)
        self._connections = Connections(site.base, timeout=timeout, tls=tls, largest_body=largest_body)
        self._on_pause = on_pause

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections; the client can be used again all the same."""
        self._connections.close()

    def submit(
        self,
        submitted: Submitted,
        *,
        properties: Mapping[str, str] | None = None,
        product: str | None = None,
    ) -> Outcome:
        """Submit deployments, up to 100 at once; each is accepted or rejected by itself, which the outcome tells.

        It is tried again without harm: a report whose update sequence number is not higher has no effect.

        Args:
            submitted: one deployment or several; or the body of the request as it is, JSON or what is to become JSON.
            properties: names and values, five at most, by which these deployments can be deleted later. Mitregate
                heeds some: `changeRequest` names the change that they rely on, such as CHG-7, `changeType` asks for a
                type of change, `runbook` says that they are runs of a runbook.
            product: what submits, such as a tool and its version.
        """
        return self._perform(self._caller.submit(submitted, properties, product))

    def read(self, key: Key) -> Deployment:
        """Read a deployment as it was submitted last.

        Raises:
            Unknown: there is none, or it belongs to another app.
        """
        return self._perform(self._caller.read(key))

    def delete(self, key: Key) -> None:
        """Delete a deployment; it is no error if there is none."""
        self._perform(self._caller.delete(key))

    def delete_by_properties(self, properties: Mapping[str, str]) -> None:
        """Delete the deployments that were submitted with all of *properties*.

        Raises:
            Malformed: no property is given; nothing is deleted.
        """
        self._perform(self._caller.delete_by_properties(properties))

    def gating_status(self, key: Key) -> GatingState:
        """Ask whether a deployment may go on.

        Raises:
            Unknown: it never asked to be gated, or belongs to another app. Jira says so for a while after a submission.
        """
        return self._perform(self._caller.gating_status(key))

    def wait(self, key: Key, *, timeout: float = 3600.0, poll_every: float = 5.0) -> GatingState:
        """Wait until a deployment is allowed, prevented, or cannot be gated.

        Waiting goes on while the server is away or asks for time.

        Args:
            key: which deployment.
            timeout: how long to wait at most, in seconds; the last question may take up to one exchange longer.
            poll_every: the longest pause between two questions, in seconds; the first ones are closer together.

        Returns:
            The gating state in the end; only one that `is_allowed` lets the deployment go on.

        Raises:
            StillAwaiting: the time is over, and it is not decided, or nobody answered.
            Unknown: it never asked to be gated; at Jira, it is still unknown after 30 seconds.
        """
        return self._perform(self._caller.wait(key, timeout, poll_every))

    def send(self, request: Request, *, retries: Retries = ONCE) -> Reply:
        """Send a request of your own, with the app's proof; its URL is the path below the site's base.

        Args:
            request: the request, to any API at the site.
            retries: when to make it again, if what it tells twice is the same as told once.

        Returns:
            The reply, whatever its status.

        Raises:
            Malformed: the URL is not a path.
        """
        return self._perform(self._caller.send(request, retries))

    def _perform(self, dialogue: Dialogue[T]) -> T:
        try:
            step = next(dialogue)
            while True:
                if isinstance(step, Pause):
                    if self._on_pause is not None:
                        self._on_pause(step)
                    time.sleep(step.seconds)
                    step = next(dialogue)
                    continue
                try:
                    reply = self._connections.exchange(step)
                except Unreachable as error:
                    step = dialogue.throw(error)
                else:
                    step = dialogue.send(reply)
        except StopIteration as end:
            outcome: T = end.value
            return outcome
        finally:
            dialogue.close()
