"""How these tests ask: one request, and the sentence that says why it got no reply."""

import pytest

from mitregate.core.errors import Unreachable
from mitregate.outbound import Outbound, parse_networks
from mitregate.wire.http import Conversation, Reply, Request

LOOPBACK = parse_networks("127.0.0.0/8")


def one(request: Request) -> Conversation[Reply]:
    """Ask once and give the reply."""
    return (yield request)


def get(url: str) -> Conversation[Reply]:
    """Ask for *url* and give the reply."""
    return one(Request(method="GET", url=url))


async def failure(outbound: Outbound, url: str) -> str:
    """Ask for *url*, which must fail; give the sentence."""
    with pytest.raises(Unreachable) as caught:
        await outbound.converse(get(url))
    return caught.value.message
