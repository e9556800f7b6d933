"""The Universal Plugin Manager's REST API, as far as Connect frameworks use it to install themselves while developed.

It was never documented for Jira Cloud; what is here is what its clients send and read.

Source: https://bitbucket.org/atlassian/atlassian-connect-express (`lib/internal/registration/register-jira-conf.js`).
"""

from collections.abc import Iterable
from typing import TypeVar

import msgspec
from msgspec import Struct

from mitregate.core.errors import Malformed
from mitregate.core.people import App

S = TypeVar("S")

ROOT = "/rest/plugins/1.0/"
"""What all its paths begin with."""

TOKEN_HEADER = "upm-token"  # noqa: S105
"""The header of the list that carries what `?token=` must be when an app is installed."""

KEY_SUFFIX = "-key"
"""What follows the key of an app in its path."""

SETTINGS = "application/vnd.atl.plugins+json"
PLUGIN = "application/vnd.atl.plugins.plugin+json"
PLUGINS = "application/vnd.atl.plugins.installed+json"
TASK = "application/vnd.atl.plugins.pending-task+json"

PING_AFTER = 100
"""Milliseconds after which to ask what became of an installation."""


class _Installation(Struct, rename="camel"):
    plugin_uri: str


class _Change(Struct):
    enabled: bool


def path_of(key: str) -> str:
    """Write the path of an app."""
    return f"{ROOT}{key}{KEY_SUFFIX}"


def pending_path_of(key: str) -> str:
    """Write the path where to ask what became of an installation."""
    return f"{ROOT}pending/{key}"


def read_installation(body: bytes) -> str:
    """Read which descriptor is to be installed.

    Returns:
        Its URL.

    Raises:
        Malformed: the body does not say so.
    """
    return _decoded(body, _Installation, 'such as {"pluginUri": "https://app.example.com/descriptor.json"}').plugin_uri


def read_change(body: bytes) -> bool:
    """Read whether an app is to be enabled; `Malformed` if the body does not say so."""
    return _decoded(body, _Change, 'such as {"enabled": true}').enabled


def write_plugin(app: App, base_path: str) -> bytes:
    """Write a Connect app as a plugin; *base_path* comes before all paths."""
    return msgspec.json.encode(_plugin(app, base_path))


def write_plugins(apps: Iterable[App], base_path: str) -> bytes:
    """Write the list of apps, of which those are shown that are Connect apps."""
    plugins = [_plugin(app, base_path) for app in apps if app.connect is not None]
    return msgspec.json.encode({"plugins": plugins, "links": {"self": base_path + ROOT}})


def write_task(app: App, base_path: str) -> bytes:
    """Write that an installation was begun, and where to ask what became of it."""
    links = {"self": base_path + pending_path_of(app.handle or "")}
    status = {"done": False, "statusCode": 200, "contentType": "application/vnd.atl.plugins.install.installing+json"}
    return msgspec.json.encode({"type": "INSTALL", "pingAfter": PING_AFTER, "status": status, "links": links})


def write_settings() -> bytes:
    """Write the one setting that frameworks look at: that apps may be installed from anywhere."""
    setting = {"key": "connectDeveloperListingsEnabled", "value": True, "readOnly": True}
    return msgspec.json.encode({"settings": [setting], "links": {}})


def _plugin(app: App, base_path: str) -> dict[str, object]:
    installation = app.connect
    path = base_path + path_of(app.handle or "")
    return {
        "key": app.handle,
        "name": app.name,
        "description": installation.descriptor.description if installation is not None else "",
        "vendor": {"name": installation.descriptor.vendor if installation is not None else ""},
        "enabled": installation is not None and installation.is_enabled,
        "userInstalled": True,
        "optional": True,
        "remotable": True,
        "links": {"self": path, "modify": path, "delete": path},
    }


def _decoded(body: bytes, kind: type[S], example: str) -> S:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"The body cannot be read: {error}.", advice=f"Send JSON, {example}.") from None
