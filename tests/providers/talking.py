"""Both ends of a conversation of one request."""

import pytest

from mitregate.core.errors import Unreachable
from mitregate.core.jobs import Outcome
from mitregate.wire.http import Conversation, Reply


def ended(conversation: Conversation[Outcome], news: Reply | Unreachable | None) -> Outcome:
    """Give the conversation a reply, or the lack of one, or nothing yet, after which it must end."""
    with pytest.raises(StopIteration) as end:
        conversation.throw(news) if isinstance(news, Unreachable) else conversation.send(news)  # type: ignore[arg-type]
    assert isinstance(end.value.value, Outcome)
    return end.value.value
