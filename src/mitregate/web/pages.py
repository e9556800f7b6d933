"""Pages: what waits and why, and the forms to decide about it."""

from datetime import UTC, datetime
from typing import Annotated

from litestar import get, post
from litestar.params import FromPath, FromQuery, QueryParameter, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Struct

from mitregate.core.changes import ChangeType, Transition
from mitregate.core.errors import Malformed
from mitregate.flows import deliver, review
from mitregate.web.board import (
    read_board,
    read_change,
    read_gate,
)
from mitregate.web.counter import Desk
from mitregate.web.holding import explained, refresh
from mitregate.web.rendering import SAID, go, render
from mitregate.web.visitors import Guest

Said = Annotated[str, QueryParameter(description="What was just done.", max_length=20)]


class Form(Struct, frozen=True, kw_only=True):
    """What all forms carry: the token, which is checked before; where to go afterwards; what was seen; a comment."""

    form_token: str
    back: str = "/"
    seen: str = ""
    comment: str = ""


class MoveForm(Form, frozen=True, kw_only=True):
    """The form that moves a change."""

    transition: Transition


class TypeForm(Form, frozen=True, kw_only=True):
    """The form that gives a change another type."""

    type: ChangeType


class PlanForm(Form, frozen=True, kw_only=True):
    """The form that plans a window; both in UTC, as a browser's field for date and time gives them."""

    start: str = ""
    end: str = ""


@get("/")
async def show_board(office: Desk, visitor: Guest, said: Said = "", before: FromQuery[str | None] = None) -> Template:
    """Show what waits."""
    ports = office.ports
    board = await office.read(read_board, visitor.principal, before, ports.now(), ports.changes)
    if await refresh(office, (row.gate for row in (*board.waiting, *board.others))):
        board = await office.read(read_board, visitor.principal, before, ports.now(), ports.changes)
    return render(
        "board.html",
        visitor=visitor,
        said=SAID.get(said),
        board=board,
        now=office.ports.now(),
        is_first=before is None,
        base_url=office.ports.base_url,
        cloud_id=office.about.cloud_id,
    )


@get("/changes/{key:str}")
async def show_change(office: Desk, visitor: Guest, key: FromPath[str], said: Said = "") -> Template:
    """Show a change."""
    page = await office.read(read_change, visitor.principal, key, office.ports.changes)
    if await refresh(office, page.view.gates):
        page = await office.read(read_change, visitor.principal, key, office.ports.changes)
    return render("change.html", visitor=visitor, said=SAID.get(said), page=page, now=office.ports.now())


@get("/gates/{gate_id:str}")
async def show_gate(office: Desk, visitor: Guest, gate_id: FromPath[str], said: Said = "") -> Template:
    """Show a gate."""
    explanation = await explained(office, visitor.principal, gate_id)
    page = await office.read(read_gate, visitor.principal, gate_id, office.ports.changes)
    return render(
        "gate.html", visitor=visitor, said=SAID.get(said), page=page, explanation=explanation, now=office.ports.now()
    )


@post("/changes/{key:str}/approve")
async def approve(office: Desk, visitor: Guest, key: FromPath[str], data: URLEncodedBody[Form]) -> Redirect:
    """Approve a change."""
    await office.transact(visitor.principal, review.approve, key, data.comment, data.seen)
    return go(data.back, "approved")


@post("/changes/{key:str}/decline")
async def decline(office: Desk, visitor: Guest, key: FromPath[str], data: URLEncodedBody[Form]) -> Redirect:
    """Decline a change."""
    await office.transact(visitor.principal, review.decline, key, data.comment)
    return go(data.back, "declined")


@post("/changes/{key:str}/move")
async def move(office: Desk, visitor: Guest, key: FromPath[str], data: URLEncodedBody[MoveForm]) -> Redirect:
    """Move a change."""
    await office.transact(visitor.principal, review.transition, key, data.transition, data.comment, data.seen)
    return go(data.back, "moved")


@post("/changes/{key:str}/type")
async def retype(office: Desk, visitor: Guest, key: FromPath[str], data: URLEncodedBody[TypeForm]) -> Redirect:
    """Give a change another type."""
    await office.transact(visitor.principal, review.retype, key, data.type, data.comment)
    return go(data.back, "retyped")


@post("/changes/{key:str}/plan")
async def plan(office: Desk, visitor: Guest, key: FromPath[str], data: URLEncodedBody[PlanForm]) -> Redirect:
    """Plan the window of a change."""
    start, end = _instant("start", data.start), _instant("end", data.end)
    await office.transact(visitor.principal, review.plan, key, start, end)
    return go(data.back, "planned")


@post("/changes/{key:str}/comment")
async def comment(office: Desk, visitor: Guest, key: FromPath[str], data: URLEncodedBody[Form]) -> Redirect:
    """Comment on a change."""
    await office.transact(visitor.principal, review.comment_on, key, data.comment)
    return go(data.back, "commented")


@post("/deliveries/{delivery_id:str}/retry")
async def retry(office: Desk, visitor: Guest, delivery_id: FromPath[str], data: URLEncodedBody[Form]) -> Redirect:
    """Retry a delivery."""
    await office.transact(visitor.principal, deliver.retry, delivery_id)
    return go(data.back, "retried")


def _instant(name: str, value: str) -> datetime | None:
    if not value:
        return None
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        message = f"The {name} {value[:40]!r} is not a date and time."
        raise Malformed(message, advice="Write it as in 2026-03-01T22:00, in UTC.") from None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant


ROUTES = (show_board, show_change, show_gate, approve, decline, move, retype, plan, comment, retry)
