"""Ceiling (a): a bare ASGI app, under the same uvicorn settings as `mitregate serve`.

For a submit it decodes and validates the body with the same wire code and answers; for a read it answers.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing import get_context

from mitregate.core.announcements import Detail
from mitregate.core.deployments import DeploymentKey
from mitregate.core.gates import GatingStatus
from mitregate.web.plain import Receive, Scope, Send
from mitregate.web.server import bind, make_server
from mitregate.wire.jira_deployments import read_submission
from mitregate.wire.jira_replies import write_gating_status, write_submission
from mitregate.wiring import run

KEY = DeploymentKey(app_id="0" * 26, pipeline_id="pipeline-00", environment_id="production", sequence_number=10**9)
DETAILS = (Detail(key="CHG-1000000", link="http://127.0.0.1:8470/changes/CHG-1000000"),)
STATUS = write_gating_status(KEY, GatingStatus.AWAITING, datetime(2026, 1, 31, tzinfo=UTC), DETAILS)
"""A gating status, written once."""


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request and do nothing else."""
    if scope["method"] == "POST":
        body = b""
        is_more = True
        while is_more:
            message = await receive()
            body += message["body"]
            is_more = message["more_body"]
        status, reply = 202, write_submission(read_submission(body, KEY.app_id))
    else:
        status, reply = 200, STATUS
    headers = [(b"content-length", b"%d" % len(reply)), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": reply})


def serve(port: int) -> None:
    """Serve the bare app until this process is ended."""
    with bind("127.0.0.1", port) as listener:
        run(make_server(bare, lambda: None).serve([listener]))


@contextmanager
def serving_bare(port: int) -> Iterator[None]:
    """Run the bare app in a process of its own for as long as the block lasts."""
    process = get_context("spawn").Process(target=serve, args=(port,), daemon=True)
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()
