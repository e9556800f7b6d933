"""Rich text for Jira: nothing that outsiders write means anything, in documents or in wiki mark-up."""

import html
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mitregate.wire.adf import TEXT_LIMIT, clean, from_adf, to_adf, to_wiki
from tests.fakes.jira.adf import is_document

HOSTILE = st.text(st.sampled_from("*_-+^~?!|#@{}[]()\\&;:.h123bq /<>%$\n ax9#DPpé") | st.characters())
"""Texts full of what means something somewhere."""

LINK = re.compile(r"(?<!\\)\[(https?://[^\]\s|]+)\]")
ESCAPED = re.compile(r"\\[-#*_+?^~|%{}\[\]()!@]|&#\d+;")


@given(HOSTILE)
@example("{code}x{code} [~admin] !a.png! h1. x\nbq. y ||a|| ---- \\\\ :) (x) &#42;x&#42; &copy; https://a.example/b_c_")
def test_wiki_text_cannot_be_broken_out_of(text: str) -> None:
    """Without its escapes and links nothing in wiki mark-up is left that could mean anything."""
    left = ESCAPED.sub("", LINK.sub("", to_wiki(text)))
    assert not re.search(r"[-#*_+?^~|%{}\[\]()!@\\]", left), left
    assert not re.search(r"&#?\w{1,32};", left)
    assert not re.search(r"(?m)^\s*(h[1-6]|bq)\.", left)
    assert not re.search(r"[:;][-DPp()|]", left)


@given(HOSTILE)
def test_wiki_text_shows_what_was_written(text: str) -> None:
    """Read as Jira renders it, the mark-up shows the text, but for what no text field keeps."""
    shown = LINK.sub(r"\1", to_wiki(text))
    shown = re.sub(r"\\([-#*_+?^~|%{}\[\]()!@])|&#(\d+);", lambda at: at[1] or chr(int(at[2])), shown)
    assert shown == clean(text)


@given(HOSTILE)
def test_documents_are_well_formed_and_show_what_was_written(text: str) -> None:
    """A document is one that Jira takes, reads back as the text, and links to nothing but web addresses in it."""
    document = to_adf(text)
    assert is_document(document)
    assert from_adf(document) == clean(text)
    nodes = [node for block in document["content"] for node in block["content"]]
    links = [(node["text"], mark["attrs"]["href"]) for node in nodes for mark in node.get("marks", [])]
    assert all(said == href and href.startswith(("http://", "https://")) for said, href in links)


@pytest.mark.parametrize("character", ["a", "\\", "*", "\n", "é", ":)", "https://a.example/ ", "&amp;"])
def test_texts_that_are_too_long_are_cut(character: str) -> None:
    """However much mark-up a text takes, it fits the field, and shows that it was cut."""
    text = character * 50_000
    for said in (to_wiki(text), from_adf(to_adf(text))):
        assert len(said) <= TEXT_LIMIT
        assert len(said) > TEXT_LIMIT - 50
        assert said.endswith("…")


def test_addresses_become_links_to_themselves() -> None:
    """A web address is a link, without the full stop that ends its sentence; other schemes are text."""
    text = "See https://gate.example.com/g/1?a=b#c. Not javascript:alert(1) nor https:// nor ftp://x."
    assert to_wiki(text).startswith("See [https://gate.example.com/g/1?a=b#c]. Not javascript:alert\\(1\\)")
    nodes = to_adf(text)["content"][0]["content"]
    assert [node["text"] for node in nodes if node.get("marks")] == ["https://gate.example.com/g/1?a=b#c"]


def test_documents_of_others_are_read() -> None:
    """What people write in Jira's editor is read as text, a block on each line, and depth has an end."""
    document = {
        "type": "doc",
        "version": 1,
        "content": [
            {"type": "heading", "attrs": {"level": 1}, "content": [{"type": "text", "text": "Plan"}]},
            {
                "type": "bulletList",
                "content": [
                    {
                        "type": "listItem",
                        "content": [{"type": "paragraph", "content": [{"type": "text", "text": "a"}]}],
                    },
                    {"type": "listItem", "content": [{"type": "paragraph", "content": [{"type": "hardBreak"}]}]},
                ],
            },
            {"type": "paragraph", "content": [{"type": "inlineCard", "attrs": {"url": "https://a.example"}}]},
            {"type": "paragraph", "content": [{"type": "mention", "attrs": {"id": "1", "text": "@Ada"}}, 7]},
            {"type": "somethingNew", "content": "what"},
        ],
    }
    assert from_adf(document) == "Plan\na\n\n\nhttps://a.example\n@Ada\n"
    deep: object = {"type": "text", "text": "x"}
    for _ in range(5_000):
        deep = {"type": "blockquote", "content": [deep]}
    assert from_adf(deep) == ""
    assert from_adf("plain") == from_adf(None) == ""


def test_entities_stay_what_they_are() -> None:
    """What looks like an entity is shown as it is written."""
    assert html.unescape(to_wiki("&copy; & &#42;").replace("\\", "")) == "&copy; & &#42;"
