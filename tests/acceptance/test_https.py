"""https from end to end: with a certificate of the server's own, and behind a proxy that has one."""

import signal
import socket
import ssl
from pathlib import Path

import pytest

from mitregate.stores.schema import migrate
from tests.acceptance.callers import App, Caller, Person, deployment
from tests.acceptance.house import House, Server, open_house
from tests.fakes.certificates import Authority
from tests.fakes.proxy import running_proxy


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """An authority that everybody here trusts, as an operator's own one is trusted."""
    authority = Authority(tmp_path)
    (tmp_path / "ca.pem").write_text(authority.pem, encoding="ascii")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return authority


@pytest.fixture
def database(tmp_path: Path) -> str:
    """An empty, migrated database."""
    url = f"sqlite:///{tmp_path}/gate.db"
    migrate(url)
    return url


def is_allowed_by_command(house: House, person: Person, app: App, number: int) -> None:
    """Submit a deployment, and let it go with the command line, from afar."""
    wanted = deployment(number)
    app.submit(wanted)
    gating = app.gating(wanted)
    key = gating["details"][0]["issueKey"]
    assert gating["details"][0]["issueLink"] == f"{app.url}/changes/{key}"
    ran = house.run("change", "approve", key, MITREGATE_URL=app.url, MITREGATE_TOKEN=person.token)
    assert ran.returncode == 0, ran.stderr
    assert app.status(wanted) == "allowed"


def serial(server: Server, authority: Authority) -> str:
    """Tell which certificate a server shows to who comes now."""
    port = int(server.url.rpartition(":")[2])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as bare,
        authority.client().wrap_socket(bare, server_hostname="127.0.0.1") as wrapped,
    ):
        shown = wrapped.getpeercert()
        assert shown is not None
        return str(int(str(shown["serialNumber"]), 16))


def test_the_server_speaks_https(authority: Authority, database: str, tmp_path: Path) -> None:
    """With a certificate all is done over https, and a new one is taken up by SIGHUP without a pause."""
    issued, newer = authority.issue("127.0.0.1"), authority.issue("127.0.0.1")
    settings = {"MITREGATE_TLS_CERT": str(issued.certificate), "MITREGATE_TLS_KEY": str(issued.key)}
    with open_house(tmp_path, database, **settings) as house:
        server = house.serve()
        person = house.first_user(server)
        assert f"{server.url}/setup?token=" in server.said
        app = house.app(person, "ci")
        is_allowed_by_command(house, person, app, 1)

        was = serial(server, authority)
        issued.replace(newer)
        server.signal(signal.SIGHUP)
        server.says("certificate.renewed")
        assert (was, serial(server, authority)) == (issued.certificate.stem, newer.certificate.stem)
        is_allowed_by_command(house, person, app, 2)

        issued.key.unlink()
        server.signal(signal.SIGHUP)
        server.says("certificate.kept")
        assert serial(server, authority) == newer.certificate.stem
        assert server.stop() == 0


def test_a_certificate_that_is_wrong_stops_the_start(authority: Authority, database: str, tmp_path: Path) -> None:
    """A server whose certificate cannot be used ends with 3 before it listens, and says which file is at fault."""
    issued, other = authority.issue("127.0.0.1"), authority.issue("127.0.0.1")
    with open_house(tmp_path, database) as house:
        files = ("--tls-cert", str(issued.certificate), "--tls-key", str(other.key))
        ran = house.run("serve", "--port", "0", *files)
        assert (ran.returncode, "does not fit the certificate" in ran.stderr) == (3, True)
        ran = house.run("serve", "--port", "0", *files[:2])
        assert (ran.returncode, "MITREGATE_TLS_KEY is not" in ran.stderr) == (3, True)


@pytest.mark.parametrize("taken_off", ["", "/gate"], ids=["left", "taken off"])
def test_behind_a_proxy_under_a_path(authority: Authority, database: str, tmp_path: Path, taken_off: str) -> None:
    """A proxy that ends TLS and gives the server a path of its host hides neither the server nor who calls."""
    issued = authority.issue("127.0.0.1")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(issued.certificate, issued.key)
    with running_proxy(tls, taken_off) as proxy:
        url = f"{proxy.url}/gate"
        settings = {"MITREGATE_BASE_URL": url, "MITREGATE_TRUSTED_PROXIES": "127.0.0.1"}
        with open_house(tmp_path, database, **settings) as house:
            server = house.serve()
            proxy.upstream = server.url
            person = Person(url, house.first_user(server).token)
            app = App(url, person.add_app("ci").made)
            is_allowed_by_command(house, person, app, 1)

            forged = {"x-forwarded-for": "6.6.6.6", "forwarded": "for=6.6.6.6"}
            afar = Caller(url, person.token, source="127.0.0.2")
            afar.ask("POST", "/api/v1/users", json={"name": "Eve", "role": "viewer"}, headers=forged).expect(201)
            assert person.get("/audit", limit=1)["items"][0]["origin"] == "127.0.0.2"
            direct = Caller(server.url, person.token, source="127.0.0.3")
            direct.ask("POST", "/api/v1/users", json={"name": "Bob", "role": "viewer"}, headers=forged).expect(201)
            assert person.get("/audit", limit=1)["items"][0]["origin"] == "127.0.0.3"
            for caller in (person, app, afar, direct):
                caller.close()
