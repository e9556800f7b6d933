"""Queries in JQL that cannot be broken out of, and the pages of both flavours."""

from datetime import timedelta

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mitregate.core.errors import Malformed
from mitregate.wire.jira_search import (
    created_within,
    key_in,
    project_is,
    quote,
    read_bulk,
    read_page,
    titled_like,
    write_bulk,
    write_search,
)
from tests.fakes.jira.jql import Both, Clause, parse
from tests.fakes.jira.jql_text import is_match

HOSTILE = st.text(st.sampled_from("\"'\\ ANDOR=~()[]*?!,\n\t\x00abc1") | st.characters(exclude_categories=["Cs"]))


@given(HOSTILE)
@example('" OR project = SECRET OR summary ~ "')
@example('\\" OR 1=1')
@example("\\")
def test_a_quoted_text_is_one_value(text: str) -> None:
    """Whatever it says, a quoted text stays one value of one condition."""
    query = parse(f"project = {quote(text)} AND status = Open")
    assert query.condition == Both(
        (
            Clause(field="project", sign="=", values=(text,)),
            Clause(field="status", sign="=", values=("Open",)),
        )
    )


@given(st.lists(HOSTILE, min_size=1, max_size=5))
def test_quoted_keys_are_a_list(keys: list[str]) -> None:
    """Keys, whatever they are, are a list of as many values."""
    assert parse(key_in(keys)).condition == Clause(field="key", sign="in", values=tuple(keys))


@given(HOSTILE)
@example('GitLab: Deploy "a*b" version "v1^2" (hotfix!) to {prod}: -x')
@example("* ? AND && || :")
@example("the to of")
def test_a_title_finds_itself(title: str) -> None:
    """Whatever a title is, its query is well formed, each of its conditions is, and the title answers them all."""
    jql = titled_like(title)
    if not jql:
        return
    condition = parse(jql).condition
    clauses = condition.parts if isinstance(condition, Both) else (condition,)
    assert len(clauses) <= 12
    for clause in clauses:
        assert isinstance(clause, Clause)
        assert (clause.field, clause.sign) == ("summary", "~")
        assert is_match(title, clause.values[0], "summary")


def test_only_words_between_spaces_are_searched_for() -> None:
    """Words that an index may split otherwise than we do, or leaves out, are not asked for."""
    title = 'Octopus: Deploy "web shop" version 1.2.3-rc.4 to "eu:west" with a_b c/d, e&f the 7'
    words = ["Octopus", "Deploy", "shop", "version", "1.2.3-rc.4", "a_b", "7"]
    assert titled_like(title) == " AND ".join(f'summary ~ "\\"{word}\\""' for word in words)
    assert titled_like("a to the *?* with") == ""


def test_spans_are_told_in_minutes() -> None:
    """How long ago is told as a span, which no time zone shifts, rounded up."""
    assert created_within(timedelta(minutes=90)) == 'created >= "-90m"'
    assert created_within(timedelta(seconds=61)) == 'created >= "-2m"'
    assert created_within(timedelta(seconds=-5)) == 'created >= "-1m"'
    assert project_is("ITSM") == 'project = "ITSM"'


def test_cloud_is_asked_with_tokens_and_data_center_with_numbers() -> None:
    """Each flavour is asked as it wants to be."""
    cloud = msgspec.json.decode(write_search("x", ["a"], is_cloud=True, after="t", properties=["p"]))
    assert cloud == {"jql": "x", "maxResults": 100, "fields": ["a"], "nextPageToken": "t", "properties": ["p"]}
    server = msgspec.json.decode(write_search("x", ["a"], is_cloud=False, after=None))
    assert server == {"jql": "x", "maxResults": 100, "fields": ["a"], "startAt": 0, "validateQuery": False}
    assert msgspec.json.decode(write_bulk(["A-1"], ["a"], ["p"])) == {
        "issueIdsOrKeys": ["A-1"],
        "fields": ["a"],
        "properties": ["p"],
    }


def test_pages_lead_to_the_next_until_the_last() -> None:
    """The next page is where Jira says; the last one leads nowhere, as does one without issues."""
    one = b'{"issues": [{"id": "1"}], "nextPageToken": "t", "isLast": false}'
    assert read_page(one, is_cloud=True).next == "t"
    assert read_page(b'{"issues": [], "isLast": true, "nextPageToken": "t"}', is_cloud=True).next is None
    assert read_page(b'{"issues": [{"id": "1"}], "startAt": 4, "total": 9}', is_cloud=False).next == 5
    assert read_page(b'{"issues": [{"id": "1"}], "startAt": 8, "total": 9}', is_cloud=False).next is None
    assert read_page(b'{"issues": [], "startAt": 4, "total": 9}', is_cloud=False).next is None
    assert read_bulk(b'{"issues": [{"id": "1"}], "issueErrors": []}') == ({"id": "1"},)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"issues": 7}', b'{"issues": ["a"]}', b"<html>", b"\xff", b"[" * 9_999])
@pytest.mark.parametrize("is_cloud", [True, False])
def test_what_is_no_page_is_refused(body: bytes, is_cloud: bool) -> None:
    """A body that is no page is refused in words."""
    with pytest.raises(Malformed, match="cannot be read"):
        read_page(body, is_cloud=is_cloud)
    with pytest.raises(Malformed, match="cannot be read"):
        read_bulk(body)
