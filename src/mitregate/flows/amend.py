"""Amend: change apps and users in place, and give an app another client secret beside the one it has."""

from datetime import datetime

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from mitregate.core.audit import Action
from mitregate.core.declared import PLUGIN_SCOPES
from mitregate.core.errors import Forbidden, Malformed, Unknown
from mitregate.core.people import App, AppKind, EarlierSecret, Permission, Role, Scope, User, fingerprint
from mitregate.flows import admit
from mitregate.flows.act import Act
from mitregate.flows.admit import CLOUD_ID
from mitregate.flows.lifecycle import announce_all

EARLIER = 3
"""Client secrets that are good beside the newest, at most."""

SAID_BY_DESCRIPTOR = "What a Connect app may do, and where it is called back, is what its descriptor says."


class Amendment(Struct, frozen=True, kw_only=True):
    """What is to change about an app; what is unset stays as it is, and None for a callback takes it away."""

    scopes: frozenset[Scope] | UnsetType = UNSET
    callback_url: str | UnsetType | None = UNSET


class Amended(Struct, frozen=True, kw_only=True):
    """An app as it is now; with the secret that signs its callbacks, if it has its first one, never shown again."""

    app: App
    signing_secret: str | None = None


def change_app(act: Act, app_id: str, wanted: Amendment) -> Amended:
    """Change what an app may do, and where it is told verdicts; a new address is told how its gates stand.

    What the app may do holds for the access tokens that it has, too. What was on its way goes to the new address.

    Raises:
        Forbidden: the principal does not administer.
        Malformed: that cannot be had, or not by an app of this kind.
        Unknown: there is no such app.
    """
    act.principal.require(Permission.ADMINISTER)
    app = _locked(act, app_id)
    _refuse_odd(app, wanted)
    scopes = app.scopes if wanted.scopes is UNSET else wanted.scopes
    url = app.callback_url if wanted.callback_url is UNSET else wanted.callback_url
    secret = admit.new_signing_secret(act) if url is not None and app.signing_secret is None else None
    sealed = act.ports.seal(secret) if secret is not None else app.signing_secret
    changed = replace(app, scopes=scopes, callback_url=url, signing_secret=sealed if url is not None else None)
    if changed == app:
        return Amended(app=app)
    act.uow.apps.keep(changed)
    detail = {"name": app.name, "scopes": " ".join(sorted(scopes)), "callback": url or ""}
    act.record(Action.APP_CHANGED, app.id, detail)
    if url not in {None, app.callback_url}:
        announce_all(act, changed)
    return Amended(app=changed, signing_secret=secret)


def renew_secret(act: Act, app_id: str, until: datetime | None = None, *, is_urgent: bool = False) -> admit.NewApp:
    """Give an app of the kind `oauth` another client secret.

    Args:
        act: the use case under way.
        app_id: the app.
        until: the last instant at which the earlier ones are good; None for until they are ended.
        is_urgent: whether they are refused from now on, and so are all access tokens of the app, as after a leak.

    Raises:
        Forbidden: the principal does not administer.
        Malformed: the app has no client secret, or the instant is over.
        Unknown: there is no such app.
    """
    act.principal.require(Permission.ADMINISTER)
    app = _locked(act, app_id)
    _refuse_without_secret(app)
    if until is not None and (until.tzinfo is None or until <= act.now or is_urgent):
        message = "The earlier secrets can be good until an instant to come, with an offset from UTC, or not at all."
        raise Malformed(message, advice="Give such an instant, or have them refused at once.")
    secret = act.ports.new_secret()
    known = (EarlierSecret(hash=app.secret_hash), *(one for one in app.earlier_secrets if one.is_good(act.now)))
    earlier = () if is_urgent else tuple(_sooner(one, until) for one in known[:EARLIER])
    renewed = replace(app, secret_hash=fingerprint(secret), earlier_secrets=earlier)
    act.uow.apps.keep(renewed)
    if is_urgent:
        act.uow.people.remove_tokens_of(app.id)
    detail = {"name": app.name, "urgent": "yes" if is_urgent else "no", "until": until.isoformat() if until else ""}
    act.record(Action.APP_ROTATED, app.id, detail)
    return admit.NewApp(app=renewed, client_secret=secret, signing_secret=None, cloud_id=act.uow.meta(CLOUD_ID) or "")


def end_earlier_secrets(act: Act, app_id: str) -> App:
    """Refuse the earlier client secrets of an app from now on; access tokens that it has stay good for their hour.

    Raises:
        Forbidden: the principal does not administer.
        Malformed: the app has no client secret.
        Unknown: there is no such app.
    """
    act.principal.require(Permission.ADMINISTER)
    app = _locked(act, app_id)
    _refuse_without_secret(app)
    if not app.earlier_secrets:
        return app
    ended = replace(app, earlier_secrets=())
    act.uow.apps.keep(ended)
    act.record(Action.APP_SECRETS_ENDED, app.id, {"name": app.name})
    return ended


def change_user(act: Act, user_id: str, role: Role) -> User:
    """Give a user another role, which holds at once.

    Raises:
        Forbidden: the principal does not administer, or would not any more.
        Unknown: there is no such user.
    """
    act.principal.require(Permission.ADMINISTER)
    user = act.uow.people.user(user_id)
    if user is None:
        message = f"There is no user {user_id!r}."
        raise Unknown(message, advice="`mitregate user list` shows the users with their ids.")
    if user.role is role:
        return user
    if user_id == act.principal.user_id:
        message = "Nobody can change their own role."
        raise Forbidden(message, advice="Ask another administrator.")
    changed = replace(user, role=role)
    act.uow.people.keep_user(changed)
    act.record(Action.USER_CHANGED, user.id, {"name": user.name, "role": role.value, "before": user.role.value})
    return changed


def _locked(act: Act, app_id: str) -> App:
    app = act.uow.apps.lock(app_id)
    if app is None:
        message = f"There is no app {app_id!r}."
        raise Unknown(message, advice="`mitregate app list` shows the apps with their ids.")
    return app


def _refuse_odd(app: App, wanted: Amendment) -> None:
    """Refuse what an app of its kind cannot have."""
    if app.kind is AppKind.CONNECT:
        raise Malformed(SAID_BY_DESCRIPTOR, advice="Change that, then install the app again: `mitregate app install`.")
    if wanted.scopes is not UNSET:
        admit.check_scopes(wanted.scopes)
        if app.kind is AppKind.JENKINS and wanted.scopes != PLUGIN_SCOPES:
            raise Malformed("A Jenkins has the scopes that its plugin needs.", advice="They are read and write.")
    if wanted.callback_url is not UNSET and wanted.callback_url is not None:
        admit.checked_callback(wanted.callback_url)


def _refuse_without_secret(app: App) -> None:
    if app.kind is AppKind.OAUTH:
        return
    advice = "Install it again, and it gets another secret: `mitregate app install`."
    if app.kind is AppKind.JENKINS:
        advice = "`mitregate app rotate` gives a Jenkins another secret."
    raise Malformed(f"The app {app.name!r} has no client secret.", advice=advice)


def _sooner(secret: EarlierSecret, until: datetime | None) -> EarlierSecret:
    given = [instant for instant in (secret.until, until) if instant is not None]
    return replace(secret, until=min(given, default=None))
