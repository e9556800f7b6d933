"""The shell blocks of the documentation, run for real against a server of their own."""

import re
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mitregate.core.errors import Malformed
from mitregate.wire.connect_descriptor import read_descriptor
from tests.docs.pages import DOCS, ROOT, blocks, name_of, pages
from tests.docs.stage import ADDRESS, Stage, is_played, open_stage, story
from tests.fakes.connect_app import ConnectApp
from tests.fakes.sink import running, running_sink

# Pages whose shell blocks are played with nothing but a server, which was started before.
PLAIN = (
    "README.md",
    "docs/quickstart.md",
    "docs/howto/use-the-cli-from-anywhere.md",
    "docs/howto/control-matrix.md",
    "docs/howto/explain-and-simulate.md",
    "docs/howto/freeze-deployments.md",
    "docs/howto/calendar-files.md",
    "docs/howto/how-changes-move.md",
    "docs/howto/prepare-a-change.md",
    "docs/howto/rules-as-code.md",
    "docs/howto/rotate-secrets.md",
    "docs/howto/back-up-and-restore.md",
    "docs/howto/upgrade.md",
    "docs/howto/clients/circleci.md",
    "docs/howto/clients/gitlab.md",
    "docs/howto/clients/highwaythree.md",
    "docs/howto/clients/jenkins-1.md",
    "docs/howto/clients/jenkins-2.md",
    "docs/howto/clients/jira-js.md",
)

# Pages that have a test of their own below, or blocks that need no server.
SPECIAL = (
    "CONTRIBUTING.md",
    "docs/howto/clients/connect-apps.md",
    "docs/howto/gate-a-pipeline-with-curl.md",
    "docs/howto/register-a-callback.md",
    "docs/howto/run-on-postgresql.md",
    "docs/howto/use-the-python-client.md",
    "docs/howto/verify-a-callback.md",
)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A stage whose server runs."""
    with open_stage(tmp_path, MITREGATE_OUTBOUND_ALLOW="127.0.0.0/8") as stage:
        stage.serve()
        yield stage


@pytest.mark.parametrize("name", PLAIN)
def test_a_page_can_be_followed(stage: Stage, name: str) -> None:
    """Who copies the blocks of a page into a shell, one after another, sees what the page shows."""
    script, shown = story(ROOT / name)
    said = stage.play(script)
    stage.expect(said, shown)


def test_a_pipeline_is_gated_with_curl(stage: Stage) -> None:
    """The pipeline of the how-to waits until somebody approves, deploys, and its change is completed."""
    script, shown = story(DOCS / "howto/gate-a-pipeline-with-curl.md")
    approver = threading.Thread(target=approve_all, args=(stage, 2), daemon=True)
    approver.start()
    said = stage.play(script)
    approver.join(10)
    stage.expect(said, shown)
    assert "CHG-1 is Resolved." in stage.play("mitregate change show CHG-1")


def approve_all(stage: Stage, count: int) -> None:
    """Approve the first changes as they come up."""
    for number in range(1, count + 1):
        for _ in range(200):
            approved = subprocess.run(
                ["mitregate", "change", "approve", f"CHG-{number}"],
                cwd=stage.folder,
                env=stage.environment,
                capture_output=True,
                check=False,
            )
            if approved.returncode == 0:
                break
            time.sleep(0.2)


def test_a_callback_is_registered(stage: Stage) -> None:
    """The how-to's app is told that its deployment waits, at the address it registered."""
    script, shown = story(DOCS / "howto/register-a-callback.md")
    with running_sink() as sink:
        said = stage.play(script.replace("127.0.0.1:9000", f"127.0.0.1:{sink.port}"))
        told = sink.wait(1)
    stage.expect(said, shown)
    assert b'"gatingStatus":"awaiting"' in told[0].body
    assert told[0].headers["webhook-signature"].startswith("v1,")


def test_a_connect_app_is_installed(stage: Stage) -> None:
    """The how-to's app is installed and enabled, disabled and enabled again, and told in the end that it is removed."""
    script, shown = story(DOCS / "howto/clients/connect-apps.md")
    with running(ConnectApp("ferry-deploys")) as app:
        app.keys_at = stage.here(f"http://{ADDRESS}/connect/install-keys")
        said = stage.play(script.replace("https://ferry.example.com/atlassian-connect.json", app.descriptor_url))
    stage.expect(said, shown)
    assert app.refused == []
    assert [event.path for event in app.events] == ["/installed", "/enabled", "/disabled", "/enabled", "/uninstalled"]


def test_the_least_descriptor_is_one() -> None:
    """The descriptor that the page about Connect apps shows is taken, and nothing can be left out of its modules."""
    (shown,) = [block.text for block in blocks(DOCS / "howto/clients/connect-apps.md") if block.language == "json"]
    assert read_descriptor(shown.encode(), "here").callback == "/gating"
    for line in ('"homeUrl": "https://ferry.example.com"', '"type": "jwt", '):
        with pytest.raises(Malformed, match="is required"):
            read_descriptor(re.sub(f",?\\s*{line}", "", shown).encode(), "here")


def test_postgresql_is_prepared(tmp_path: Path, postgres_database: str) -> None:
    """The how-to's steps make the tables in an empty PostgreSQL database, and a server serves on it."""
    script, _ = story(DOCS / "howto/run-on-postgresql.md")
    script = re.sub(r"postgresql://\S+", f"'{postgres_database}'", script)
    with open_stage(tmp_path) as stage:
        stage.play(script)
        stage.serve(MITREGATE_DATABASE=postgres_database, MITREGATE_KEY_FILE=str(tmp_path / "key"))
        assert stage.setup_token


def test_a_backup_can_be_restored(tmp_path: Path) -> None:
    """What was in the database when the how-to's copy was made is there again after it was put back."""
    page = DOCS / "howto/back-up-and-restore.md"
    copy, restore = (block for block in blocks(page) if "backup.db" in block.text)
    with open_stage(tmp_path) as stage:
        stage.serve()
        stage.play("mitregate app add before")
        stage.play(copy.text)
        stage.play("mitregate app add after")
        stage.stop()
        stage.play(restore.text)
        stage.serve()
        said = stage.play("mitregate app list && mitregate doctor")
    assert "before" in said
    assert "after" not in said


def test_make_targets_exist() -> None:
    """Every target of `make` that a page names exists, and `make help` lists it."""
    helped = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    call = re.compile(r"(?:`|^\s*)make ([a-z][a-z-]+)", re.MULTILINE)  # not what a sentence makes
    named = {target for page in pages() for target in call.findall(page.read_text("utf-8"))}
    assert {"run", "demo", "setup", "test", "check"} <= named | {"setup"}
    assert [target for target in sorted(named) if f"make {target} " not in helped] == []


def test_every_shell_block_is_played() -> None:
    """A page with shell blocks is played by a test here, and a block that cannot be says why."""
    with_shell = {name_of(page) for page in pages() if any(is_played(block) for block in blocks(page))}
    assert with_shell - {"CONTRIBUTING.md"} <= {*PLAIN, *SPECIAL}
    reasons = [block.reason for page in pages() for block in blocks(page) if block.reason is not None]
    assert reasons
    assert all(block.reason is None or block.language == "sh" for page in pages() for block in blocks(page))
