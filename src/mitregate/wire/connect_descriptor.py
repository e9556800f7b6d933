"""Descriptors: what a Connect app says of itself in JSON, and fetching that.

Read is what concerns deployments; modules for other things, and what else is in a descriptor, are passed over. All that
is wrong is said at once, in the words of the descriptor itself, for its author is who must act.

`apiMigrations` makes no difference: `installed` and `uninstalled` are always signed with our own key, as Jira does for
`signed-install`. An app that was made before that does not look at the token, and takes the first installation as well.

Sources: https://developer.atlassian.com/cloud/jira/platform/connect-app-descriptor/,
https://developer.atlassian.com/cloud/jira/platform/modules/deployment/,
https://developer.atlassian.com/cloud/jira/service-desk/deployment-gating/,
https://developer.atlassian.com/cloud/jira/software/scopes-for-connect-apps/.
"""

import json
import re
from typing import Any
from urllib.parse import SplitResult, urlsplit

from mitregate.core.errors import Malformed
from mitregate.core.installations import Descriptor, Lifecycle, Module
from mitregate.core.scopes import Scope
from mitregate.wire.connect_hash import query_hash
from mitregate.wire.connect_urls import target
from mitregate.wire.http import Conversation, Request
from mitregate.wire.jira_fields import Fields
from mitregate.wire.jira_values import URL_LIMIT, Numeral, is_keepable, shown

LONGEST = 64 * 1024
"""How many bytes a descriptor must stay below: of a longer reply, `outbound` reads as many and no more."""

LISTED = 20
"""How many problems of a descriptor are named in one message."""

KEY_LIMIT = 80
NAME_LIMIT = 80
VENDOR_LIMIT = 100
DESCRIPTION_LIMIT = 1400
BASE_URL_LIMIT = 200
MODULE_KEY_LIMIT = 100

KEY = re.compile(r"[a-zA-Z0-9._-]+")
MODULE_KEY = re.compile(r"[a-zA-Z0-9-]+")
URL = re.compile(r"[A-Za-z0-9:/?#\[\]@!$&'()*+,;=%._~-]+")

EVERYTHING = frozenset(Scope)
GRANTS: dict[str, frozenset[Scope]] = {
    "NONE": frozenset(),
    "READ": frozenset({Scope.READ}),
    "WRITE": frozenset({Scope.READ, Scope.WRITE}),
    "DELETE": EVERYTHING,
    "PROJECT_ADMIN": EVERYTHING,
    "SPACE_ADMIN": frozenset(),
    "ADMIN": EVERYTHING,
    "ACT_AS_USER": frozenset(),
    "ACCESS_EMAIL_ADDRESSES": frozenset(),
}
"""What each scope of Connect lets an app do with deployments; they are written in capitals or in small letters."""

_JSON = json.JSONDecoder(parse_int=Numeral, parse_float=Numeral)


def fetch_descriptor(url: str) -> Conversation[Descriptor]:
    """Fetch an app's descriptor and read it.

    Args:
        url: where it is.

    Raises:
        Malformed: that is no URL, or what is there is no descriptor, or not of an app that can be installed here.
        Unreachable: there was no reply.
    """
    split = _split(url)
    if split is None or not _is_web(split) or "@" in split.netloc or len(url) > URL_LIMIT:
        # It is not repeated, for there may be a password in it.
        message = "The address of the descriptor is not a complete http or https URL without a user name in it."
        raise Malformed(message, advice="Give it as in https://ci.example.com/atlassian-connect.json.")
    reply = yield Request(method="GET", url=url, headers={"accept": "application/json"})
    if 300 <= reply.status < 400:
        place = reply.headers.get("location", "")
        message = f"{url} points to another address, {shown(place)}; redirects are not followed."
        raise Malformed(message, advice="Give the address at which the descriptor itself is.")
    if reply.status != 200:
        message = f"{url} answers with HTTP {reply.status} instead of the app's descriptor."
        raise Malformed(message, advice="Open the address in a browser: it must show JSON without a login.")
    if len(reply.body) >= LONGEST:
        raise Malformed(f"The descriptor at {url} is not shorter than {LONGEST} bytes, as it must be.")
    return read_descriptor(reply.body, url)


def read_descriptor(body: bytes, url: str) -> Descriptor:
    """Read an app's descriptor.

    Args:
        body: the descriptor.
        url: where it was, for messages; it need not be below the app's base URL.

    Raises:
        Malformed: it is not one of an app that can be installed here; all reasons are named.
    """
    problems: list[str] = []
    fields = Fields(_open(body, url), problems)
    key = _key(fields, KEY, KEY_LIMIT, ", dashes, dots and underscores")
    base_url = _base_url(fields)
    _check_authentication(fields)
    modules, callback = _modules(fields)
    descriptor = Descriptor(
        key=key,
        name=fields.optional_text("name", NAME_LIMIT) or key,
        description=fields.optional_text("description", DESCRIPTION_LIMIT) or "",
        vendor=_vendor(fields),
        base_url=base_url,
        scopes=_scopes(fields),
        modules=modules,
        lifecycle=_lifecycle(fields),
        callback=callback,
    )
    if problems:
        more = f", and {len(problems) - LISTED} more" if len(problems) > LISTED else ""
        message = f"The app at {url} cannot be installed; in its descriptor {', '.join(problems[:LISTED])}{more}."
        raise Malformed(message, advice="Correct the descriptor where the app is made, then install it again.")
    if not modules:
        message = f"The app at {url} has nothing to do with deployments: it declares neither {' nor '.join(Module)}."
        raise Malformed(message, advice="Declare these modules in its descriptor, or install another app.")
    return descriptor


def _open(body: bytes, url: str) -> dict[str, Any]:
    try:
        opened = _JSON.decode(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        message = f"What is at {url} is not JSON, as a Connect app's descriptor is."
        raise Malformed(message, advice="Give the address of the file often named atlassian-connect.json.") from None
    if not isinstance(opened, dict):
        raise Malformed(f"The descriptor at {url} must be a JSON object, not {shown(opened)}.")
    return opened


# --- what the app is ---


def _key(fields: Fields, form: re.Pattern[str], limit: int, others: str) -> str:
    key = fields.text("key", may_be_empty=False, limit=limit)
    if key and not form.fullmatch(key):
        fields.note("key", f"must be of letters, digits{others}, not {shown(key)}")
    return key


def _vendor(fields: Fields) -> str:
    vendor = _inner(fields, "vendor")
    return "" if vendor is None else vendor.optional_text("name", VENDOR_LIMIT) or ""


def _base_url(fields: Fields) -> str:
    text = fields.text("baseUrl", may_be_empty=False, limit=BASE_URL_LIMIT)
    split = _split(text)
    if text and (split is None or not _is_web(split)):
        fields.note("baseUrl", f"must be a complete http or https URL, not {shown(text)}")
    elif split is not None and ("@" in split.netloc or "?" in text or "#" in text):
        fields.note("baseUrl", "must have neither a user name, nor a query, nor a fragment")
    return text.rstrip("/")


def _split(url: str) -> SplitResult | None:
    try:
        split = urlsplit(url)
        _ = split.port  # which is looked at only when it is asked for
    except ValueError:
        return None
    return split if URL.fullmatch(url) else None


def _is_web(split: SplitResult) -> bool:
    return split.scheme in {"http", "https"} and bool(split.hostname)


def _check_authentication(fields: Fields) -> None:
    authentication = fields.inner("authentication")
    if authentication is not None:
        _check_jwt(authentication)


def _check_jwt(fields: Fields) -> None:
    kind = fields.required("type")
    if kind is not None and kind not in ("jwt", "JWT"):
        fields.note("type", f"must be 'jwt', not {shown(kind)}")


def _scopes(fields: Fields) -> frozenset[Scope]:
    granted: set[Scope] = set()
    for word in fields.items("scopes"):
        if isinstance(word, str) and word in {word.upper(), word.lower()} and word.upper() in GRANTS:
            granted |= GRANTS[word.upper()]
        else:
            fields.note("scopes", f"has {shown(word)}, which is no scope of Connect")
    return frozenset(granted)


# --- where it is called ---


def _lifecycle(fields: Fields) -> dict[Lifecycle, str]:
    lifecycle = fields.inner("lifecycle")
    if lifecycle is None:
        return {}
    lifecycle.required(Lifecycle.INSTALLED)  # without which the app could never get a secret
    return {event: _path(lifecycle, event) for event in Lifecycle if lifecycle.raw(event) is not None}


def _path(fields: Fields, name: str) -> str:
    text = fields.text(name, may_be_empty=False, limit=URL_LIMIT)
    path = text.partition("?")[0]
    if "://" in path or path.startswith("//") or ".." in path.split("/"):
        fields.note(name, f"must be an address relative to 'baseUrl' and below it, not {shown(text)}")
    elif is_keepable(text):
        _check_signable(fields, name, text)
    return text


def _check_signable(fields: Fields, name: str, text: str) -> None:
    called = target("", text)
    try:
        query_hash("POST", called.path, called.query)
    except Malformed as error:
        fields.note(name, f"cannot be signed: {error.message}")


# --- its modules ---


def _modules(fields: Fields) -> tuple[frozenset[Module], str | None]:
    modules = _inner(fields, "modules")
    if modules is None:
        return frozenset(), None
    info, gating = (_module(modules, module) for module in (Module.DEPLOYMENT_INFO, Module.DEPLOYMENT_GATING))
    if info is not None:
        _check_home(info)
    callback = None if gating is None else _callback(gating)
    declared = {Module.DEPLOYMENT_INFO: info, Module.DEPLOYMENT_GATING: gating}
    return frozenset(module for module in Module if declared[module] is not None), callback


def _module(modules: Fields, module: Module) -> Fields | None:
    opened = _only(modules, module)
    if opened is not None:
        _key(opened, MODULE_KEY, MODULE_KEY_LIMIT, " and dashes")
        name = opened.inner("name")
        if name is not None:
            name.text("value")
    return opened


def _only(modules: Fields, module: Module) -> Fields | None:
    # An app has each of them once, so it is an object; a list of one, as most modules are, can mean nothing else.
    value = modules.raw(module)
    if not isinstance(value, list):
        return _inner(modules, module)
    if len(value) > 1:
        modules.note(module, f"must be one object, not {len(value)}")
    return next(iter(modules.open_all(module, value[:1])), None)


def _check_home(module: Fields) -> None:
    text = module.text("homeUrl", may_be_empty=False, limit=URL_LIMIT)
    split = _split(text)
    if text and (split is None or not split.scheme or not split.netloc):
        module.note("homeUrl", f"must be a complete URL, not {shown(text)}")


def _callback(module: Fields) -> str | None:
    callback = module.inner("callback")
    if callback is None:
        return None
    _check_jwt(callback)
    return _path(callback, "url")


def _inner(fields: Fields, name: str) -> Fields | None:
    return None if fields.raw(name) is None else fields.inner(name)
