"""Settings as code over the native API: the rulebook, the apps and the users as one document."""

import asyncio
import re
from functools import partial
from typing import Annotated, Any

import msgspec
from litestar import Response, get, put
from litestar.params import QueryParameter

from mitregate.core.declared import OF_THE_BOOK, Document, Present, faults
from mitregate.core.errors import Malformed
from mitregate.core.people import Permission
from mitregate.flows import declare, rules
from mitregate.flows.act import begin
from mitregate.web import forms
from mitregate.web.counter import SECURED, Asked, Asker, Desk, refusals
from mitregate.web.installing import tell
from mitregate.web.office import Office
from mitregate.web.settings_views import SettingsPlan, settings_done_out, settings_plan_out
from mitregate.wire.declared import as_declared, read_declared, schema, write_declared

TAG = ["Settings"]

_WHOLE = ("Settings", "Settings, by the schema at `/api/v1/settings/schema`.")
_TAG = re.compile(r'(?:W/)?"(\d{1,18}-[0-9a-f]{16})"', re.ASCII)


@get(
    "/settings",
    operation_id="getSettings",
    summary="Read the settings",
    description=(
        "The rulebook, and for whoever may `administer` the apps and users, without any secrets: as YAML if `Accept` "
        "asks for that, else as JSON, with the same keys. Every section is there, empty ones too. Of a `revision` "
        "there is the rulebook alone."
    ),
    tags=TAG,
    security=SECURED,
    operation_class=forms.reading(*_WHOLE),
    responses=refusals(400, 401, 403, 404),
)
async def show_settings(
    *,
    request: Asked,
    office: Desk,
    principal: Asker,
    revision: Annotated[int | None, QueryParameter(description="The rulebook at this revision.", ge=0)] = None,
) -> Response[bytes]:
    """Give the settings."""
    if revision is None:
        there, sections = await office.read(declare.present, principal)
        headers = {"etag": f'"{there.version}"', "vary": "accept"}
    else:
        kept = await office.read(rules.revision, revision, principal)
        there, sections, headers = Present(revision=revision, book=kept.book), OF_THE_BOOK, {"vary": "accept"}
    if forms.wants_yaml(request):
        return Response(write_declared(there.document, sections), media_type=forms.YAML, headers=headers)
    return Response(_json(there.document, sections), media_type=forms.JSON, headers=headers)


@put(
    "/settings",
    operation_id="putSettings",
    summary="Put settings in force",
    description=(
        "Puts a document, as YAML or JSON, in force, whole or not at all. A section that is in it is the truth, one "
        "that is not stays as it is; apps and users that are not in theirs stay, too, unless `prune` is said. With "
        "`dryRun` it says what that would change, and does nothing. `If-Match` with an `ETag` has it refused if "
        "somebody else was faster. Secrets of new apps are shown this once. Needs the permission `administer`."
    ),
    tags=TAG,
    security=SECURED,
    operation_class=forms.writing(*_WHOLE, "Settings; all sections, or some."),
    responses=refusals(400, 401, 403, 409, 413),
)
async def put_settings(
    *,
    request: Asked,
    office: Desk,
    principal: Asker,
    dry_run: Annotated[bool, QueryParameter(name="dryRun", description="Only say what it would change.")] = False,
    prune: Annotated[
        bool, QueryParameter(description="Remove apps and users that are not in a section that is there.")
    ] = False,
) -> SettingsPlan:
    """Put settings in force, or say what that would do."""
    principal.require(Permission.ADMINISTER)
    is_json = forms.is_json(request, "settings")
    there, _ = await office.read(declare.present, principal)
    # Half a megabyte takes its time, in which others are served.
    judge = partial(faults, present=there)
    declared = await asyncio.to_thread(read_declared, await request.body(), judge, is_json=is_json)
    seen = _matched(request.headers.get("if-match", "*"))
    if dry_run:
        plan = partial(declare.plan, declared=declared, seen=seen, prune=prune)
        return settings_plan_out(await office.read(lambda uow: plan(begin(office.ports, uow, principal))))
    done = await office.transact(principal, declare.put, declared, seen, prune=prune)
    return await _finish(office, done)


@get(
    "/settings/schema",
    operation_id="getSettingsSchema",
    summary="Describe the settings",
    description="The JSON Schema of the settings, by which editors complete and check them. Open to everybody.",
    tags=TAG,
    responses=refusals(),
)
async def show_schema() -> dict[str, Any]:
    """Give the schema."""
    return schema()


async def _finish(office: Office, done: declare.Done) -> SettingsPlan:
    """Tell Connect apps what has happened to them, as it does one by one, too; whatever they say to that."""
    told = [(app.name, await tell(office, event, app)) for event, app in done.to_tell]
    return settings_done_out(done, told, office.ports.base_url)


def _json(document: Document, sections: frozenset[str]) -> bytes:
    return msgspec.json.encode(as_declared(document, sections))


def _matched(condition: str) -> str | None:
    """Read the version in `If-Match`; None if any will do."""
    if condition.strip() == "*":
        return None
    found = _TAG.fullmatch(condition.strip())
    if found is None:
        raise Malformed("If-Match is no ETag of the settings.", advice="Send the ETag that came with them.")
    return found[1]


ROUTES = (show_settings, put_settings, show_schema)
