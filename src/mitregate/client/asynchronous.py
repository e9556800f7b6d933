"""The client for programs with an event loop."""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from typing import Self, TypeVar

from mitregate.client.blocking import LARGEST_BODY, TIMEOUT
from mitregate.client.caller import Caller
from mitregate.client.proofs import Proof
from mitregate.client.retries import ONCE, USUAL, Dialogue, Pause, Retries
from mitregate.client.sites import Site
from mitregate.client.surroundings import REAL
from mitregate.client.values import Deployment, GatingState, Key, Outcome, Submitted
from mitregate.core.errors import Unreachable
from mitregate.wire.http import Reply, Request, single

T = TypeVar("T")


class AsyncClient:
    """What `Client` is, with the same operations as coroutines, on an event loop. Tasks may share it."""

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
        """Get ready, as `Client` does; nothing is sent yet."""
        from mitregate.outbound import Outbound  # noqa: PLC0415  takes time to load, and many have no use for it

        self._caller = Caller(site, proof, retries, REAL)
        self._outbound = Outbound(guard=False, timeout=timeout, tls=tls, largest_body=largest_body)
        self._on_pause = on_pause
        self._logging_in: asyncio.Future[Reply] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; afterwards nothing more can be said."""
        if self._logging_in is not None:
            self._logging_in.cancel()
            await asyncio.gather(self._logging_in, return_exceptions=True)
        await self._outbound.close()

    async def submit(
        self,
        submitted: Submitted,
        *,
        properties: Mapping[str, str] | None = None,
        product: str | None = None,
    ) -> Outcome:
        """Submit deployments, as `Client.submit` does."""
        return await self._perform(self._caller.submit(submitted, properties, product))

    async def read(self, key: Key) -> Deployment:
        """Read a deployment, as `Client.read` does."""
        return await self._perform(self._caller.read(key))

    async def delete(self, key: Key) -> None:
        """Delete a deployment, as `Client.delete` does."""
        await self._perform(self._caller.delete(key))

    async def delete_by_properties(self, properties: Mapping[str, str]) -> None:
        """Delete the deployments that have all of *properties*, as `Client.delete_by_properties` does."""
        await self._perform(self._caller.delete_by_properties(properties))

    async def gating_status(self, key: Key) -> GatingState:
        """Ask whether a deployment may go on, as `Client.gating_status` does."""
        return await self._perform(self._caller.gating_status(key))

    async def wait(
        self,
        key: Key,
        *,
        timeout: float = 3600.0,  # noqa: ASYNC109  asyncio.timeout would not tell what was read last
        poll_every: float = 5.0,
    ) -> GatingState:
        """Wait until a deployment is decided, as `Client.wait` does."""
        return await self._perform(self._caller.wait(key, timeout, poll_every))

    async def send(self, request: Request, *, retries: Retries = ONCE) -> Reply:
        """Send a request of your own, as `Client.send` does."""
        return await self._perform(self._caller.send(request, retries))

    async def _perform(self, dialogue: Dialogue[T]) -> T:
        try:
            step = next(dialogue)
            while True:
                if isinstance(step, Pause):
                    if self._on_pause is not None:
                        self._on_pause(step)
                    await asyncio.sleep(step.seconds)
                    step = next(dialogue)
                    continue
                try:
                    reply = await self._exchange(step)
                except Unreachable as error:
                    step = dialogue.throw(error)
                else:
                    step = dialogue.send(reply)
        except StopIteration as end:
            outcome: T = end.value
            return outcome
        finally:
            dialogue.close()

    async def _exchange(self, request: Request) -> Reply:
        if request.url != self._caller.token_url:
            return await self._outbound.converse(single(request))
        # Tasks that find no good token at the same time wait for the same one.
        if self._logging_in is None or self._logging_in.done():
            self._logging_in = asyncio.ensure_future(self._outbound.converse(single(request)))
        return await asyncio.shield(self._logging_in)
