"""`freeze import` and `feed`: on the database beside a server, and over HTTP."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.running import Run
from tests.wire.calendars import calendar

SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
FILE = calendar(
    f"SUMMARY:Stocktaking\nDTSTART:{SOON:%Y%m%dT%H%M%SZ}\nDURATION:PT8H",
    "SUMMARY:Long ago\nDTSTART:20200101T000000Z\nDURATION:PT8H",
    f"SUMMARY:Feast\nDTSTART;VALUE=DATE:{SOON:%Y%m%d}",
)


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A calendar file."""
    path = tmp_path / "company.ics"
    path.write_bytes(FILE)
    return str(path)


@pytest.fixture(autouse=True)
def _clean(run: Run, desk: str, tmp_path: Path) -> Iterator[None]:
    """Each test begins without rules, and leaves none behind for the other tests on this server."""
    empty = tmp_path / "empty.yaml"
    empty.write_text(run("export", "--revision", "0").well().out)
    run("apply", str(empty), "--yes", "--json").well()
    yield
    run("apply", str(empty), "--yes", "--json").well()


def test_a_calendar_file_is_frozen(run: Run, file: str) -> None:
    """What a file says is shown first, then frozen, exported, and not changed by the same file."""
    command = ("freeze", "import", file, "--name", "company", "--project", "shop", "--reason", "Company")
    shown = run(*command, "--dry-run").well().out
    assert "Company: Stocktaking" in shown
    assert "2 events would be taken into company; 1 are left out." in shown
    assert run("freeze", "list").well().out == "There is no freeze.\n"
    done = run(*command).well().out
    assert "2 events are taken into company; 1 are left out.\nThe rules are at revision " in done
    assert "That changed nothing; the rules are at revision " in run(*command).well().out
    assert run(*command, "--json").well().json["isChanged"] is False
    exported = run("export").well().out
    assert "note: Stocktaking" in exported
    assert f"{SOON:%Y-%m-%d}" in exported
    assert "company" in run("freeze", "list").well().out


def test_a_calendar_file_becomes_holidays(run: Run, file: str) -> None:
    """The whole days of a file become a set of holidays that freezes can name."""
    shown = run("freeze", "import", file, "--name", "feasts", "--holidays", "--zone", "Europe/Berlin").well().out
    assert f"{SOON:%Y-%m-%d}\n1 events are taken into feasts; 2 are left out." in shown
    run("freeze", "add", "holidays", "--holidays", "feasts").well()


def test_other_files_are_refused(run: Run, tmp_path: Path) -> None:
    """A file that is not there, or is no calendar, is refused with 2."""
    missing = run("freeze", "import", str(tmp_path / "none.ics"), "--name", "x", "--json")
    assert (missing.code, missing.complaint["type"]) == (2, "Malformed")
    odd = tmp_path / "odd.ics"
    odd.write_text("hello")
    refused = run("freeze", "import", str(odd), "--name", "x", "--json")
    assert (refused.code, refused.complaint["type"]) == (2, "Malformed")
    assert "This is no iCalendar file" in refused.complaint["error"]


def test_feeds_are_listed(run: Run, tmp_path: Path) -> None:
    """A calendar that is subscribed to is listed with its trouble, also among the freezes, and can be read at once."""
    assert run("feed", "list").well().out == "The rules subscribe to no calendar.\n"
    rules = tmp_path / "rules.yaml"
    rules.write_text("feeds: [{name: company, url: 'http://127.0.0.1:1/a.ics'}]\n")
    run("apply", str(rules), "--yes").well()
    listed = ""
    for _ in range(100):
        if "since" in (listed := run("feed", "list").well().out):
            break
    assert "company" in listed
    assert "never" in listed
    assert "127.0.0.1:1 gave no reply: connection refused." in " ".join(listed.split())
    (feed,) = run("feed", "list", "--json").well().json["items"]
    assert (feed["name"], feed["holdsNow"]) == ("company", True)
    assert "company could not be read since" in run("freeze", "list").well().err
    assert run("feed", "read", "company").well().out == "company is read next.\n"
    assert run("feed", "read", "company", "--json").well().json == {"reads": "company"}
    assert run("feed", "read", "other", "--json").complaint["type"] == "Unknown"


def test_a_link_is_made_listed_and_removed(run: Run, desk: str) -> None:
    """The address is shown once; it is good for the calendar, and is among the tokens of whoever it is for."""
    whose = ("root",) if desk == "beside" else ()
    shown = run("calendar", "link", *whose, "--label", "Outlook", "--days", "2").well().out
    assert shown.startswith("Subscribe to this address, until ")
    address = shown.splitlines()[-1].strip()
    with urllib.request.urlopen(address) as reply:
        assert reply.headers["content-type"].startswith("text/calendar")
        assert reply.read().startswith(b"BEGIN:VCALENDAR")
    made = run("calendar", "link", *whose, "--json").well().json
    assert made["label"] == "calendar"
    listed = run("token", "list", *whose).well().out
    (line,) = (line for line in listed.splitlines() if made["id"] in line)
    assert line.split()[1] == "feed"
    run("token", "remove", made["id"]).well()
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(made["url"])


def test_a_link_is_somebodys(run: Run, desk: str) -> None:
    """Beside the server it must be said whose the link is to be."""
    refused = run("calendar", "link", "nobody", "--json")
    assert refused.code == 2
    assert "nobody" in refused.complaint["error"]
