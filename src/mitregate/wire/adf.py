"""Rich text towards Jira: documents for version 3 of its API, wiki mark-up for version 2.

What is said on a change comes from outside: names of deployments, branches, people. None of it may turn into a link, a
mention, a macro or an image that its author made up, so in documents it stands in text nodes, and in mark-up every
character that could mean something is escaped. Web addresses alone become links, to themselves.

Sources: https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/,
https://jira.atlassian.com/secure/WikiRendererHelpAction.jspa?section=all.
"""

import re
from collections.abc import Iterator
from typing import Any

TEXT_LIMIT = 32_767
"""Characters in a text field or comment, at most, mark-up included."""

DEPTH_LIMIT = 50
"""Nodes inside one another that are read, at most."""

CUT = "…"

_UNKEPT = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_ADDRESS = re.compile(r"https?://[A-Za-z0-9][A-Za-z0-9.-]*(?::\d{1,5})?(?:[/?#][A-Za-z0-9/?#@:%&=+,;._~-]*)?", re.ASCII)
_CLOSING = ".,;:?-~_"
"""What ends a sentence rather than an address."""

_BLOCKS = frozenset(["doc", "bulletList", "orderedList", "blockquote", "panel", "table", "expand", "tableRow"])
_SPECIAL = re.compile(
    r"(?P<entity>\\|&(?=#?\w{1,32};)|[:;](?=[-DPp()|])|(?<=\bh[1-6])\.|(?<=\bbq)\.)|[-#*_+?^~|%{}\[\]()!@]"
)
"""What may mean something in wiki mark-up. A backslash takes that away; an entity where a backslash does not help: two
of those are a line break, headings and quotations are letters and a dot, and so are some faces."""


def to_adf(text: str) -> dict[str, Any]:
    """Make a document of a text: a paragraph for each line, web addresses as links to themselves."""
    kept = clean(text)
    kept = kept if len(kept) <= TEXT_LIMIT else kept[: TEXT_LIMIT - len(CUT)] + CUT
    return {
        "type": "doc",
        "version": 1,
        "content": [{"type": "paragraph", "content": list(_inline(line))} for line in kept.split("\n")],
    }


def from_adf(node: Any) -> str:
    """Write a document as plain text, a block on each line; what it does not know is left out."""
    return _text(node, 0) if isinstance(node, dict) else ""


def to_wiki(text: str) -> str:
    """Make wiki mark-up that shows a text as it is; it is cut where the mark-up would get too long."""
    kept = clean(text)
    wiki = _escaped(kept[:TEXT_LIMIT])
    while len(kept) > TEXT_LIMIT or len(wiki) > TEXT_LIMIT:
        # No character takes more than five.
        kept = kept[: min(len(kept), TEXT_LIMIT) - max(1, (len(wiki) - TEXT_LIMIT) // 5) - len(CUT)]
        wiki = _escaped(kept) + CUT
    return wiki


def clean(text: str) -> str:
    """Take away what no text field keeps: control characters, halves of characters, carriage returns."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")
    return _UNKEPT.sub("", lines)


def _inline(line: str) -> Iterator[dict[str, Any]]:
    for part, is_address in _parts(line):
        marks = [{"type": "link", "attrs": {"href": part}}] if is_address else []
        yield {"type": "text", "text": part} | ({"marks": marks} if marks else {})


def _parts(line: str) -> Iterator[tuple[str, bool]]:
    """Split a line into what is a web address and what is not."""
    at = 0
    for found in _ADDRESS.finditer(line):
        address = found[0].rstrip(_CLOSING)
        if found.start() > at:
            yield line[at : found.start()], False
        yield address, True
        at = found.start() + len(address)
    if at < len(line):
        yield line[at:], False


def _escaped(text: str) -> str:
    # In brackets an address ends where they do, whatever follows it.
    pieces = (f"[{part}]" if is_address else _SPECIAL.sub(_escape, part) for part, is_address in _pieces(text))
    return "".join(pieces)


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    for number, line in enumerate(text.split("\n")):
        if number:
            yield "\n", False
        yield from _parts(line)


def _escape(found: re.Match[str]) -> str:
    return f"&#{ord(found[0])};" if found["entity"] else f"\\{found[0]}"


def _text(node: dict[str, Any], depth: int) -> str:
    if depth > DEPTH_LIMIT:
        return ""
    attributes = node.get("attrs")
    attributes = attributes if isinstance(attributes, dict) else {}
    match node.get("type"):
        case "text":
            return str(node.get("text", ""))
        case "hardBreak":
            return "\n"
        case "inlineCard" | "blockCard" | "embedCard":
            return str(attributes.get("url", ""))
        case "mention" | "status" | "emoji":
            return str(attributes.get("text") or attributes.get("shortName") or "")
        case kind:
            content = node.get("content")
            inside = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
            return ("\n" if kind in _BLOCKS else "").join(_text(part, depth + 1) for part in inside)
