"""The rulebook over the native API: read and replace it as a whole, in YAML or JSON, and read its history."""

import asyncio
import re
from typing import Annotated, Any

from litestar import Response, get, put
from litestar.params import QueryParameter

from mitregate.core.errors import Malformed
from mitregate.core.people import Permission
from mitregate.flows import foresee, rules
from mitregate.flows.act import begin
from mitregate.web import forms
from mitregate.web.counter import PAGE, SECURED, Asked, Asker, Cursor, Desk, Limit, cut, number, refusals
from mitregate.web.rules_views import EditionPage, RulesPlan, done_out, edition_out, plan_out
from mitregate.web.views import given
from mitregate.wire.rulebook import read_rulebook
from mitregate.wire.rulebook_schema import schema
from mitregate.wire.rulebook_text import write_json, write_yaml

TAG = ["Rules"]

Revision = Annotated[
    int | None,
    QueryParameter(description="The revision it was made from; if it is another by now, it is refused.", ge=0),
]

_TAG = re.compile(r'(?:W/)?"(\d{1,18})"', re.ASCII)
_BOOK = ("Rulebook", "A rulebook, by the schema at `/api/v1/rules/schema`.")


@get(
    "/rules",
    operation_id="getRules",
    summary="Read the rulebook",
    description=(
        "The rulebook as it is, or was at a revision: as YAML if `Accept` asks for that, else as JSON, with the same "
        "keys. `ETag` is its revision."
    ),
    tags=TAG,
    security=SECURED,
    operation_class=forms.reading(*_BOOK),
    responses=refusals(400, 401, 403, 404),
)
async def show_rules(
    *,
    request: Asked,
    office: Desk,
    principal: Asker,
    revision: Annotated[int | None, QueryParameter(description="This revision of it.", ge=0)] = None,
) -> Response[bytes]:
    """Give the rulebook."""
    kept = await office.read(rules.revision, revision, principal)
    is_yaml = forms.wants_yaml(request)
    body = write_yaml(kept.book) if is_yaml else write_json(kept.book)
    return Response(
        body, media_type=forms.YAML if is_yaml else forms.JSON, headers={"etag": f'"{kept.revision}"', "vary": "accept"}
    )


@put(
    "/rules",
    operation_id="putRules",
    summary="Replace the rulebook",
    description=(
        "Puts a rulebook, as YAML or JSON, in place of the one there is; every gate that waits is decided anew. With "
        "`dryRun` it says what that would change, and does nothing. `If-Match` with an `ETag`, or `revision`, has it "
        "refused if somebody else was faster. Needs the permission `administer`."
    ),
    tags=TAG,
    security=SECURED,
    operation_class=forms.writing(*_BOOK, "The whole rulebook."),
    responses=refusals(400, 401, 403, 409, 413),
)
async def put_rules(
    *,
    request: Asked,
    office: Desk,
    principal: Asker,
    dry_run: Annotated[bool, QueryParameter(name="dryRun", description="Only say what it would change.")] = False,
    revision: Revision = None,
) -> RulesPlan:
    """Replace the rulebook, or say what that would do."""
    principal.require(Permission.ADMINISTER)
    is_json = forms.is_json(request, "rulebook")
    # Half a megabyte takes its time, in which others are served.
    book = await asyncio.to_thread(read_rulebook, await request.body(), is_json=is_json)
    seen = revision if revision is not None else _matched(request.headers.get("if-match", "*"))
    if dry_run:
        return plan_out(await office.read(lambda uow: foresee.foresee(begin(office.ports, uow, principal), book, seen)))
    return done_out(*await office.transact(principal, rules.replace_all, book, seen))


@get(
    "/rules/schema",
    operation_id="getRulesSchema",
    summary="Describe the rulebook",
    description="The JSON Schema of the rulebook, by which editors complete and check it. Open to everybody.",
    tags=TAG,
    responses=refusals(),
)
async def show_schema() -> dict[str, Any]:
    """Give the schema."""
    return schema()


@get(
    "/rules/history",
    operation_id="listRevisions",
    summary="List revisions of the rulebook",
    description="Revisions of the rulebook, newest first, each with who wrote it and what it changed.",
    tags=TAG,
    security=SECURED,
    responses=refusals(400, 401, 403),
)
async def list_revisions(office: Desk, principal: Asker, cursor: Cursor = None, limit: Limit = PAGE) -> EditionPage:
    """List revisions."""
    found, is_more = cut(await office.read(rules.history, limit + 1, number(cursor), principal), limit)
    items = tuple(map(edition_out, found))
    return EditionPage(items=items, next=given(str(items[-1].revision) if is_more else None))


def _matched(condition: str) -> int | None:
    """Read the revision in `If-Match`; None if any will do."""
    if condition.strip() == "*":
        return None
    found = _TAG.fullmatch(condition.strip())
    if found is None:
        raise Malformed("If-Match is no ETag of the rulebook.", advice='Send the ETag that came with it, such as "3".')
    return int(found[1])


ROUTES = (show_rules, put_rules, show_schema, list_revisions)
