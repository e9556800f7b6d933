"""Links inside the documentation lead somewhere, and no page names one machine."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.docs.pages import DOCS, ROOT, anchors, links, name_of, pages

# Hosts that stand for others, and this machine's own name for itself.
EXAMPLES = re.compile(r"(^|\.)example\.com$|^127\.0\.0\.1$|^localhost$")

# What a page may link to outside of the repository: vendors and standards.
OUTSIDE = {"developer.atlassian.com", "github.com", "www.rfc-editor.org"}

OF_ONE_MACHINE = re.compile(
    r"(?<![\w.])/(home|root|Users|work)/\w+|\b(pypi|artifactory|nexus)\.[a-z-]+\.(internal|local|corp)\b"
)


def resolve(page: Path, target: str) -> str | None:
    """Say what is wrong with a link inside the repository; None if it leads somewhere."""
    path, _, anchor = target.partition("#")
    there = (page.parent / path).resolve() if path else page
    if not there.exists():
        return f"{target}: there is no such file"
    is_published = page.is_relative_to(DOCS)
    if is_published and not there.is_relative_to(DOCS):
        return f"{target}: leads out of the documentation"
    if anchor and there.suffix == ".md" and anchor not in anchors(included(there)):
        return f"{target}: there is no such heading"
    return None


def included(page: Path) -> Path:
    """Give the page that a page consists of, if it only includes another one."""
    found = re.fullmatch(r'--8<-- "([^"]+)"\s*', page.read_text(encoding="utf-8"))
    return ROOT / found[1] if found else page


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_links_inside_lead_somewhere(page: Path) -> None:
    """Every link to another page of ours names a file, and a heading in it, that exist."""
    inside = [target for target in links(page) if not urlsplit(target).scheme]
    problems = [problem for target in inside if (problem := resolve(page, target)) is not None]
    assert problems == []


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_links_outside_lead_to_vendors_and_standards(page: Path) -> None:
    """Links that leave the repository lead to a vendor, a standard, or a host that stands for yours."""
    hosts = {urlsplit(target).hostname or "" for target in links(page) if urlsplit(target).scheme}
    assert {host for host in hosts if host not in OUTSIDE and not EXAMPLES.search(host)} == set()


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_no_page_names_one_machine(page: Path) -> None:
    """No page holds a path or a registry of somebody's own machine."""
    assert [found[0] for found in OF_ONE_MACHINE.finditer(page.read_text(encoding="utf-8"))] == []


def test_every_page_is_in_the_navigation() -> None:
    """Every page of the documentation stands in the navigation."""
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    names = [page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")]
    assert names
    assert [name for name in names if f"- {name}\n" not in navigation] == []


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_files_that_are_named_exist(page: Path) -> None:
    """Every test and source file that a page names by its whole path is there."""
    named = re.findall(r"`((?:tests|src|docs|news|scripts)/[\w./-]+\.\w+)`", page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_a_dead_link_is_noticed(tmp_path: Path) -> None:
    """A link to a page or a heading that does not exist is a problem; one to a heading that exists is none."""
    page = tmp_path / "page.md"
    page.write_text("# A heading, of words\n\n[a](gone.md) [b](#gone) [c](#a-heading-of-words)\n", encoding="utf-8")
    assert [resolve(page, target) is None for target in links(page)] == [False, False, True]
