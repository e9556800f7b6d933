"""The certificate by which the server proves itself over https, and its change while the server runs."""

import ssl
from datetime import datetime
from pathlib import Path

import structlog
from cryptography import x509
from msgspec import Struct

from mitregate.core.errors import Misconfigured

log = structlog.get_logger()

ADVICE = (
    "MITREGATE_TLS_CERT names a file with the certificate, and below it those of its issuers but the root; "
    "MITREGATE_TLS_KEY one with its private key. Both are in PEM form, and may be the same file."
)


class About(Struct, frozen=True, kw_only=True):
    """What a certificate says: from when until when it is good, and for which hosts."""

    begins: datetime
    ends: datetime
    hosts: tuple[str, ...]

    def is_for(self, host: str) -> bool:
        """Tell whether it is good for *host*; a star stands for the first part of a name (RFC 9525 §6.3)."""
        return host in self.hosts or f"*.{host.partition('.')[2]}" in self.hosts


class Certificate:
    """A certificate and its key as they stand in two files; `context` is for the server that listens."""

    def __init__(self, certificate: str, key: str) -> None:
        """Open the files at these paths.

        Raises:
            Misconfigured: one cannot be read or is not what it should be, or the key does not fit.
        """
        self._files = (certificate, key)
        self._newest = open_context(*self._files)
        self.context = open_context(*self._files)
        # Each handshake goes on with the newest context. New files could be loaded into the one that listens, but if
        # they are exchanged just then, it is left with a certificate and a key that do not belong together.
        self.context.sni_callback = self._hand_over

    def renew(self) -> None:
        """Open the files again, for connections that are made from now on; if they are wrong, all stays as it was."""
        try:
            newest = open_context(*self._files)
            ends = read_about(self._files[0]).ends
        except Misconfigured as error:
            log.warning("certificate.kept", detail=error.message, advice=error.advice())
        else:
            self._newest = newest
            log.info("certificate.renewed", ends=ends.isoformat())

    def _hand_over(self, connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _old: ssl.SSLContext) -> None:
        connection.context = self._newest


def open_context(certificate: str, key: str) -> ssl.SSLContext:
    """Make what a server proves itself by: TLS 1.2 and later, with the ciphers that Python takes for safe.

    Raises:
        Misconfigured: a file cannot be read or is not what it should be, or the key does not fit.
    """
    _require(certificate, b"-----BEGIN CERTIFICATE-----", "certificate")
    if b"ENCRYPTED" in _require(key, b"PRIVATE KEY-----", "private key"):
        message = f"The key in {key} is protected by a passphrase, for which nobody can be asked."
        raise Misconfigured(message, advice=f"Take it off: openssl pkey -in {key} -out FILE, readable by nobody else.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            message = f"The key in {key} does not fit the certificate in {certificate}."
        else:
            message = f"The certificate in {certificate} or the key in {key} cannot be used: {error.reason}."
        raise Misconfigured(message, advice=ADVICE) from None
    return context


def read_about(certificate: str) -> About:
    """Read what the first certificate in a file says of itself.

    Raises:
        Misconfigured: the file cannot be read, or there is none in it.
    """
    text = _require(certificate, b"-----BEGIN CERTIFICATE-----", "certificate")
    try:
        first = x509.load_pem_x509_certificates(text)[0]
        hosts = _hosts(first)
    except ValueError as error:
        message = f"The certificate in {certificate} cannot be read: {error}."
        raise Misconfigured(message, advice=ADVICE) from None
    return About(begins=first.not_valid_before_utc, ends=first.not_valid_after_utc, hosts=hosts)


def _hosts(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return (*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress)))


def _require(path: str, mark: bytes, what: str) -> bytes:
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        message = f"The file {path} with the {what} cannot be read: {error.strerror}."
        raise Misconfigured(message, advice=ADVICE) from None
    if mark not in text:
        raise Misconfigured(f"There is no {what} in PEM form in the file {path}.", advice=ADVICE)
    return text
