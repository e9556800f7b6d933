"""Both clients behind one face, so that each test that goes over a socket holds for both."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from mitregate.client import AsyncClient, Client, Proof, Site

Ask = Callable[..., Any]
"""Performs an operation by its name; awaited, it gives what the operation gives."""

Open = Callable[..., AbstractAsyncContextManager[Ask]]
"""Opens either client."""

CLIENTS: list[type[Client | AsyncClient]] = [Client, AsyncClient]


@asynccontextmanager
async def asking(
    kind: type[Client | AsyncClient], site: Site, proof: Proof | None, **options: Any
) -> AsyncIterator[Ask]:
    """Open a client of either kind, a blocking one in threads beside the test's event loop."""
    client = kind(site, proof, **options)

    async def ask(operation: str, *arguments: Any, **named: Any) -> Any:
        method = getattr(client, operation)
        if inspect.iscoroutinefunction(method):
            return await method(*arguments, **named)
        return await asyncio.to_thread(method, *arguments, **named)

    try:
        yield ask
    finally:
        await ask("close")
