"""`doctor`: what it finds, and what it advises."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.running import Run, Server
from tests.fakes.certificates import DAY, Authority, Issued
from tests.fakes.connect_app import ConnectApp
from tests.fakes.sink import answers, hangs_up, running, running_sink


def marks(run: Run) -> dict[str, str]:
    """Let the doctor look, and give how each check ended."""
    return {check["name"]: check["mark"] for check in run("doctor", "--json").json["checks"]}


def test_a_sound_installation(run: Run, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside a server that has been set up nothing must be put right, and the server is recognized."""
    for name, value in {**server.beside, "MITREGATE_PORT": server.url.rpartition(":")[2]}.items():
        monkeypatch.setenv(name, value)
    ended = run("doctor", "--json").well()
    assert ended.json["ok"] is True
    assert {check["name"]: check["mark"] for check in ended.json["checks"] if check["mark"] != "ok"} == {}
    shown = run("doctor").well().out
    assert "All is well." in shown
    assert "answers on 127.0.0.1 port" in shown
    assert "SQLite 3." in shown


def test_nothing_is_made(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty folder the doctor warns of what is not there yet, and makes none of it."""
    monkeypatch.setenv("MITREGATE_PORT", "0")
    found = marks(run)
    assert {name for name, mark in found.items() if mark == "warn"} == {"database", "key", "users"}
    assert "fail" not in found.values()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value", "check", "mark"),
    [
        ("MITREGATE_OUTBOUND_ALLOW", "everything", "outbound", "fail"),
        ("MITREGATE_OUTBOUND_ALLOW", "0.0.0.0/0", "outbound", "warn"),
        ("MITREGATE_BASE_URL", "http://gate.invalid", "base url", "warn"),
        ("MITREGATE_BASE_URL", "https://", "base url", "fail"),
        ("MITREGATE_TRUSTED_PROXIES", "0.0.0.0/0", "proxies", "warn"),
        ("MITREGATE_TRUSTED_PROXIES", "gateway", "proxies", "fail"),
        ("MITREGATE_TLS_CERT", "gate.pem", "settings", "fail"),
        ("MITREGATE_BASE_URL", "https://gate.example.com?x", "settings", "fail"),
        ("MITREGATE_HOST", "0.0.0.0", "base url", "warn"),
        ("MITREGATE_SECRET_KEY", "short", "key", "fail"),
        ("MITREGATE_DATABASE", "mysql://x", "database", "fail"),
        ("MITREGATE_URL", "http://127.0.0.1:9", "server", "fail"),
        ("MITREGATE_WORKER_CONCURRENCY", "none", "settings", "fail"),
    ],
    ids=lambda text: text,
)
def test_what_is_wrong_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, *, name: str, value: str, check: str, mark: str
) -> None:
    """What must be put right fails the check that it belongs to and ends with 3; what is odd is a warning."""
    monkeypatch.setenv("MITREGATE_PORT", "0")
    monkeypatch.setenv(name, value)
    ended = run("doctor", "--json")
    (found,) = [one for one in ended.json["checks"] if one["name"] == check]
    assert (found["mark"], ended.code) == (mark, 3 if mark == "fail" else 0)
    assert found["advice"]
    assert ended.json["ok"] is (mark != "fail")


def test_a_place_for_the_database_that_is_none(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that could not be made where it is to be fails, before anything is tried."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MITREGATE_DATABASE", f"sqlite:///{tmp_path / 'file' / 'x.db'}")
    monkeypatch.setenv("MITREGATE_PORT", "0")
    assert marks(run)["disk"] == "fail"


def test_a_port_that_is_taken(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port on which something else listens fails, and a free one does not."""
    with running_sink() as other:
        monkeypatch.setenv("MITREGATE_PORT", other.url.rpartition(":")[2].partition("/")[0])
        assert marks(run)["port"] == "fail"
    assert marks(run)["port"] == "ok"


def test_a_lost_key(run: Run, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that is lost, or is another one, fails as soon as a secret in the database needs it."""
    monkeypatch.setenv("MITREGATE_PORT", "0")
    run("app", "add", "called back", "--callback", "https://ci.example.com/x").well()
    key = tmp_path / "mitregate.key"
    assert marks(run)["key"] == "ok"
    key.chmod(0o644)
    assert marks(run)["key"] == "warn"
    key.unlink()
    assert marks(run)["key"] == "fail"
    assert not key.exists()
    run("app", "list").well()
    assert marks(run)["key"] == "fail"


def test_connect_apps_with_an_open_end(
    run: Run, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that is lost is missed by what installs apps, too; an app whose secret is uncertain is named."""
    monkeypatch.setenv("MITREGATE_PORT", "0")
    monkeypatch.setenv("MITREGATE_OUTBOUND_ALLOW", "127.0.0.0/8")
    with running(ConnectApp()) as app:
        app.tell_path(f"{app.path}/installed", answers(204))  # nobody serves here whom it could ask for a key
        run("app", "install", app.descriptor_url).well()
        assert marks(run)["apps"] == "ok"
        app.tell_path(f"{app.path}/installed", hangs_up)
        assert run("app", "install", app.descriptor_url).code == 4
    found = {check["name"]: check for check in run("doctor", "--json").json["checks"]}
    assert (found["apps"]["mark"], "Deployer" in found["apps"]["message"]) == ("warn", True)
    assert "3 secrets in the database were opened" in found["key"]["message"]
    (tmp_path / "mitregate.key").unlink()
    assert "3 secrets in the database need it" in run("doctor").out


def test_a_database_that_is_no_database(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is no database fails."""
    (tmp_path / "x.db").write_text("hello, " * 1000)
    monkeypatch.setenv("MITREGATE_DATABASE", f"sqlite:///{tmp_path / 'x.db'}")
    monkeypatch.setenv("MITREGATE_PORT", "0")
    assert marks(run)["database"] == "fail"


CERTIFICATES: dict[str, tuple[Callable[[Authority], Issued], str, str]] = {
    "good": (lambda ca: ca.issue("gate.test", ends=90 * DAY), "ok", "The certificate for gate.test is good until"),
    "ends soon": (lambda ca: ca.issue("gate.test", ends=13 * DAY), "warn", "ends soon"),
    "ended": (lambda ca: ca.issue("gate.test", starts=-3 * DAY, ends=-DAY), "fail", "has ended"),
    "not yet": (lambda ca: ca.issue("gate.test", starts=DAY, ends=90 * DAY), "fail", "begins"),
    "another's": (lambda ca: ca.issue("other.test", ends=90 * DAY), "warn", "is for other.test, not for gate.test"),
}


@pytest.mark.parametrize("case", CERTIFICATES)
def test_the_certificate_is_looked_at(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, case: str
) -> None:
    """A certificate that has ended fails, and one that ends soon or is for another host is a warning."""
    issue, mark, said = CERTIFICATES[case]
    issued = issue(Authority(tmp_path_factory.mktemp("ca")))
    monkeypatch.setenv("MITREGATE_PORT", "0")
    monkeypatch.setenv("MITREGATE_BASE_URL", "https://gate.test")
    monkeypatch.setenv("MITREGATE_TLS_CERT", str(issued.certificate))
    monkeypatch.setenv("MITREGATE_TLS_KEY", str(issued.key))
    (found,) = [one for one in run("doctor", "--json").json["checks"] if one["name"] == "tls"]
    assert (found["mark"], said in found["message"]) == (mark, True), found
    monkeypatch.setenv("MITREGATE_TLS_KEY", "/nowhere/gate.key")
    (found,) = [one for one in run("doctor", "--json").json["checks"] if one["name"] == "tls"]
    assert (found["mark"], "/nowhere/gate.key" in found["message"]) == ("fail", True)
