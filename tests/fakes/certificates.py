"""A certificate authority of our own, for servers on loopback."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


class Issued:
    """A certificate and its key, each in a file."""

    def __init__(self, certificate: Path) -> None:
        self.certificate = certificate
        self.key = certificate.with_suffix(".key")

    def replace(self, other: "Issued") -> None:
        """Put another one in its place."""
        self.certificate.write_bytes(other.certificate.read_bytes())
        self.key.write_bytes(other.key.read_bytes())


class Authority:
    """A certificate authority; servers get their certificates from it, clients trust what it signed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("A test's own authority")
        self._certificate = (
            _builder(self._name, self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def pem(self) -> str:
        """The authority's own certificate."""
        return self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def client(self) -> ssl.SSLContext:
        """Make what a client needs to trust this authority alone."""
        return ssl.create_default_context(cadata=self.pem)

    def server(self, address: str, *, expired: bool = False) -> ssl.SSLContext:
        """Make what a server at *address*, a name or an IP address, needs to prove itself."""
        issued = self.issue(address, starts=-3 * DAY, ends=-DAY if expired else DAY)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(issued.certificate, issued.key)
        return context

    def issue(self, *addresses: str, starts: timedelta = -DAY, ends: timedelta = DAY) -> Issued:
        """Issue a certificate for some names or IP addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([_general_name(address) for address in addresses])
        certificate = (
            _builder(_name("A test's server"), self._name, key, starts=starts, ends=ends)
            .add_extension(names, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        issued = Issued(self._folder / f"{certificate.serial_number}.pem")
        issued.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        issued.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return issued


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general_name(address: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(address))
    except ValueError:
        return x509.DNSName(address)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    *,
    starts: timedelta = -DAY,
    ends: timedelta = DAY,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + starts)
        .not_valid_after(now + ends)
    )
