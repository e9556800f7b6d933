"""Install keys: the keys of our own that sign what brings a Connect app its secret, and what ends it.

Apps fetch the public half by its name. The newest key signs; of those before it the public halves are served for a
while, for tokens that are under way.
"""

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from mitregate.core.audit import Action
from mitregate.core.errors import Unknown
from mitregate.core.installations import InstallKey
from mitregate.core.people import Permission
from mitregate.flows.act import Act
from mitregate.ports import Ports, UnitOfWork
from mitregate.wire.connect_jwt import public_key_of

META = "connect_install_keys"
"""What the keys are kept under, the newest first."""

TURN = "connect_turn"
"""What whoever adds a key or an app of Connect writes first."""

KEPT = 5
"""Keys that are served."""

KEYS = msgspec.json.Decoder(tuple[InstallKey, ...])


class KeyPair(Struct, frozen=True, kw_only=True):
    """A key just made, both halves as PEM in the clear."""

    private_key: str
    public_key: str


def make_pair(ports: Ports) -> KeyPair:
    """Make a key, which takes a while, so it is done outside of any transaction."""
    private_key = ports.new_key()
    return KeyPair(private_key=private_key, public_key=public_key_of(private_key))


def newest(uow: UnitOfWork) -> InstallKey | None:
    """Read the key that signs; None if there is none yet."""
    return next(iter(_all(uow)), None)


def sealed(uow: UnitOfWork) -> tuple[str, ...]:
    """Read the private halves, sealed as they are kept."""
    return tuple(key.private_key for key in _all(uow) if key.private_key)


def public_key(uow: UnitOfWork, kid: str) -> str:
    """Read the public half of the key named *kid*, as PEM.

    Raises:
        Unknown: there is none, or it is served no more.
    """
    for key in _all(uow):
        if key.id == kid:
            return key.public_key
    message = "There is no key of that name here."
    raise Unknown(message, advice="The name is the `kid` of the token that came with an installation.")


def add_first(act: Act, pair: KeyPair) -> InstallKey:
    """Keep *pair* as the key that signs, unless somebody was faster; give the key that signs."""
    take_turn(act)
    return newest(act.uow) or _add(act, pair)


def add(act: Act, pair: KeyPair) -> InstallKey:
    """Let *pair* sign from now on; `Forbidden` if the principal does not administer."""
    act.principal.require(Permission.ADMINISTER)
    take_turn(act)
    return _add(act, pair)


def take_turn(act: Act) -> None:
    """Wait until nobody else, in another process, adds a key or an app; they wait until this is committed.

    What is read before this may be overtaken. On SQLite there is one writer anyway; on PostgreSQL the row that is
    written here is locked.
    """
    act.uow.set_meta(TURN, act.now.isoformat())


def _all(uow: UnitOfWork) -> tuple[InstallKey, ...]:
    return KEYS.decode(uow.meta(META) or "[]")


def _add(act: Act, pair: KeyPair) -> InstallKey:
    private_key = act.ports.seal(pair.private_key)
    key = InstallKey(id=act.ports.new_id(), private_key=private_key, public_key=pair.public_key, created_at=act.now)
    earlier = (replace(before, private_key="") for before in _all(act.uow))
    act.uow.set_meta(META, msgspec.json.encode((key, *earlier)[:KEPT]).decode())
    act.record(Action.INSTALL_KEY_ADDED, key.id)
    return key
