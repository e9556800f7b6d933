"""Sealing: secrets that must be kept but not be readable in the database (Fernet, with rotation).

The key comes from the environment or a file, never from the database.
"""

import os
from functools import lru_cache
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from mitregate.core.errors import Misconfigured

KEY_ADVICE = "Set MITREGATE_SECRET_KEY or MITREGATE_KEY_FILE to the key that the secrets were sealed with."


REMEMBERED = 256
"""How many secrets that were decrypted last are remembered; whoever reads our memory finds the key there, too."""


class Seal:
    """Encrypts with the newest key, decrypts with any."""

    def __init__(self, keys: str) -> None:
        """Take Fernet keys, joined by commas, the newest first; `Misconfigured` if one is not a key."""
        try:
            self._fernet = MultiFernet([Fernet(key.strip()) for key in keys.split(",")])
        except ValueError:
            message = "The secret key is not a Fernet key (32 bytes in URL-safe base64)."
            raise Misconfigured(message, advice="Make one with: openssl rand -base64 32 | tr +/ -_") from None
        self._decrypt = lru_cache(maxsize=REMEMBERED)(self._fernet.decrypt)

    def close(self, text: str) -> str:
        """Encrypt *text*."""
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """Decrypt what `close` gave; `Misconfigured` if it was sealed with a key that is not here."""
        try:
            return self._decrypt(sealed.encode()).decode()
        except InvalidToken:
            message = "A secret in the database cannot be read: it was sealed with another key."
            raise Misconfigured(message, advice=KEY_ADVICE) from None


def read_key(secret_key: str, key_file: str, database: str) -> str:
    """Find the key, and make one where it is missing beside a local database.

    Args:
        secret_key: the key itself, if it is set.
        key_file: the file with the key, if it is set.
        database: the URL of the database.

    Raises:
        Misconfigured: there is no key, or its file cannot be read or made.
    """
    if secret_key:
        return secret_key
    path = key_path(key_file, database)
    if path is None:
        message = "With PostgreSQL, the key that seals secrets must be set, the same for every process."
        raise Misconfigured(message, advice=KEY_ADVICE + " A new one: openssl rand -base64 32 | tr +/ -_")
    try:
        return _make(path)
    except FileExistsError:
        return _read(path)
    except OSError as error:
        message = f"The key file {path} cannot be made: {error.strerror}."
        raise Misconfigured(message, advice=KEY_ADVICE) from None


def key_path(key_file: str, database: str) -> Path | None:
    """Say which file the key is in, be it there or not: the one that is set, else one beside an SQLite database."""
    return Path(key_file) if key_file else _beside(database)


def _beside(database: str) -> Path | None:
    scheme, _, rest = database.partition(":///")
    return Path(rest).parent / "mitregate.key" if scheme == "sqlite" and rest else None


def _make(path: Path) -> str:
    """Make a key file that only its owner can read; it is whole from the moment it has its name."""
    if path.exists():
        raise FileExistsError
    path.parent.mkdir(parents=True, exist_ok=True)
    key = Fernet.generate_key().decode()
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(key + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    finally:
        draft.unlink()
    return key


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        message = f"The key file {path} cannot be read: {error}."
        raise Misconfigured(message, advice=KEY_ADVICE) from None
