"""Atlassian's document format, as strictly as Jira takes it, and its way to plain text and back."""

from typing import Any

_BLOCKS = frozenset(
    [
        "paragraph",
        "heading",
        "bulletList",
        "orderedList",
        "codeBlock",
        "blockquote",
        "rule",
        "panel",
        "table",
        "expand",
        "mediaSingle",
    ]
)
_INLINE = frozenset(["text", "hardBreak", "mention", "emoji", "inlineCard", "date", "status"])
_IN_ITEMS = frozenset({"paragraph", "bulletList", "orderedList", "codeBlock"})
_CONTENT: dict[str, frozenset[str]] = {
    "doc": _BLOCKS,
    "paragraph": _INLINE,
    "heading": _INLINE,
    "bulletList": frozenset({"listItem"}),
    "orderedList": frozenset({"listItem"}),
    "listItem": _IN_ITEMS,
    "codeBlock": frozenset({"text"}),
    "blockquote": _IN_ITEMS,
    "panel": _IN_ITEMS | {"heading", "rule"},
    "expand": _BLOCKS - {"expand"},
    "table": frozenset({"tableRow"}),
    "tableRow": frozenset({"tableCell", "tableHeader"}),
    "tableCell": _BLOCKS - {"table"},
    "tableHeader": _BLOCKS - {"table"},
}
_NEVER_EMPTY = frozenset(
    ["bulletList", "orderedList", "listItem", "blockquote", "panel", "expand", "table", "tableRow"]
)
_MARKS = frozenset(["strong", "em", "code", "strike", "underline", "link", "subsup", "textColor", "backgroundColor"])
_NEEDED = {
    "heading": "level",
    "panel": "panelType",
    "mention": "id",
    "emoji": "shortName",
    "inlineCard": "url",
    "date": "timestamp",
    "status": "text",
    "link": "href",
    "textColor": "color",
    "backgroundColor": "color",
    "subsup": "type",
}
_KEYS = {"type", "content", "attrs", "marks", "text"}


def is_document(value: Any) -> bool:
    """Tell whether Jira would take *value* for a document."""
    if not isinstance(value, dict) or value.get("type") != "doc" or value.get("version") != 1:
        return False
    return "content" in value and _is_node({key: part for key, part in value.items() if key != "version"})


def _is_node(node: Any) -> bool:
    if not isinstance(node, dict) or not node.keys() <= _KEYS or not _has_attributes(node):
        return False
    kind, content = node.get("type"), node.get("content", [])
    if kind == "text":
        return isinstance(node.get("text"), str) and node["text"] != "" and not content and _are_marks(node)
    if "text" in node or not isinstance(content, list) or (kind in _NEVER_EMPTY and not content):
        return False
    if kind not in _CONTENT and (kind not in _INLINE | _BLOCKS or content):
        return False
    if kind == "codeBlock" and any(isinstance(part, dict) and "marks" in part for part in content):
        return False
    allowed = _CONTENT.get(str(kind), frozenset())
    return all(isinstance(part, dict) and part.get("type") in allowed and _is_node(part) for part in content)


def _has_attributes(node: dict[str, Any]) -> bool:
    needed, attributes = _NEEDED.get(str(node.get("type"))), node.get("attrs", {})
    if not isinstance(attributes, dict):
        return False
    if node.get("type") == "heading" and attributes.get("level") not in range(1, 7):
        return False
    return needed is None or needed in attributes


def _are_marks(node: dict[str, Any]) -> bool:
    marks = node.get("marks", [])
    if not isinstance(marks, list) or not all(isinstance(mark, dict) for mark in marks):
        return False
    kinds = [str(mark.get("type")) for mark in marks]
    if len(set(kinds)) != len(kinds) or not set(kinds) <= _MARKS or not all(map(_has_attributes, marks)):
        return False
    # Code is shown as it is: only a link goes with it.
    return "code" not in kinds or set(kinds) <= {"code", "link"}


def to_text(node: Any) -> str:
    """Write a document as text, a block on each line."""
    if not isinstance(node, dict):
        return ""
    match node.get("type"):
        case "text":
            link = [mark["attrs"]["href"] for mark in node.get("marks", []) if mark.get("type") == "link"]
            return f"[{node['text']}|{link[0]}]" if link and link[0] != node["text"] else str(node["text"])
        case "hardBreak":
            return "\n"
        case "inlineCard":
            return str(node["attrs"]["url"])
        case "listItem":
            return "* " + "\n".join(map(to_text, node.get("content", [])))
        case kind:
            between = "\n" if kind in {"doc", "bulletList", "orderedList", "blockquote", "panel", "table"} else ""
            return between.join(map(to_text, node.get("content", [])))


def from_text(text: str) -> dict[str, Any]:
    """Make a document of a text, with a paragraph for each line."""
    lines = [[{"type": "text", "text": line}] if line else [] for line in text.split("\n")]
    return {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": line} for line in lines]}
