"""What the native API answers about settings as code, as far as people are shown it."""

from msgspec import Struct

from mitregate.cli.records import Told
from mitregate.cli.rule_records import Difference


class Left(Struct, frozen=True, kw_only=True):
    """An app or a user that is not in the file, and stays."""

    section: str
    name: str


class Removal(Struct, frozen=True, kw_only=True):
    """An app that goes, with how many deployments go with it, and how many of these wait."""

    app: str
    deployments: int
    waiting: int


class Secrets(Struct, frozen=True, kw_only=True, rename="camel"):
    """The secrets of an app, shown once; of a Jenkins what is pasted there."""

    name: str
    client_id: str = ""
    client_secret: str = ""
    signing_secret: str = ""
    site_name: str = ""
    webhook_url: str = ""
    secret: str = ""


class ToldApp(Told, frozen=True, kw_only=True):
    """What a Connect app was told of itself, and what it answered."""

    app: str


class SettingsPlan(Struct, frozen=True, kw_only=True, rename="camel"):
    """What settings change; what waits is told only beforehand, secrets only afterwards."""

    version: str
    revision: int
    is_changed: bool
    changes: tuple[Difference, ...] = ()
    left: tuple[Left, ...] = ()
    untouched: tuple[str, ...] = ()
    removals: tuple[Removal, ...] = ()
    waiting: int | None = None
    held: int | None = None
    freed: int | None = None
    secrets: tuple[Secrets, ...] = ()
    told: tuple[ToldApp, ...] = ()
