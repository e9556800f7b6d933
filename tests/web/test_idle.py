from mitregate.web.plain import Receive, Scope, Send
from mitregate.web.server import make_server


async def nobody(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Stand for an app."""


def test_idle_connections_outlive_those_of_proxies() -> None:
    """A server keeps an idle connection longer than the 60 s for which proxies as a rule keep theirs."""
    assert make_server(nobody, lambda: None).config.timeout_keep_alive > 60
