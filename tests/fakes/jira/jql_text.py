"""How Jira's text search sees text: words, their stems and phrases, never the exact text."""

import re

from tests.fakes.jira.refusals import Refusal

_WORD = re.compile(r"[^\W_]+(?:[.'][^\W_]+)*")
_STOP = frozenset(["a", "an", "and", "are", "as", "at", "be", "by", "for", "if", "in", "into", "is", "it", "no"])
_MORE_STOP = frozenset(["not", "of", "on", "or", "s", "such", "t", "that", "the", "their", "then", "there", "these"])
_ALL_STOP = _STOP | _MORE_STOP | frozenset(["they", "this", "to", "was", "will", "with"])


def words(text: str) -> list[str]:
    """Split a text into the stems of its words, without those that say nothing."""
    found = (word.lower() for word in _WORD.findall(text))
    return [_stem(word) for word in found if word not in _ALL_STOP]


def _stem(word: str) -> str:
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not any(map(str.isdigit, word)):
            return word.removesuffix(ending).removesuffix("e")
    return word.removesuffix("e") if len(word) > 3 else word


def is_match(text: str, sought: str, field: str) -> bool:
    """Tell whether *text* answers the text query *sought*: words anywhere, "phrases" in order, wild* cards, -not.

    Args:
        text: what the field says.
        sought: the query, as it stands between the quotes of JQL, which are undone.
        field: the field's name, for complaints.

    Returns:
        Whether it is found.

    Raises:
        Refusal: the query is not well formed.
    """
    has = words(text)
    parts = _parts(sought, field)
    return all(_has(has, phrase, is_phrase=is_phrase) != is_excluded for phrase, is_phrase, is_excluded in parts)


def _parts(sought: str, field: str) -> list[tuple[str, bool, bool]]:
    if sought[:1] in {"*", "?"}:
        said = f"The text '{sought}' for field '{field}' is not allowed to start with character '{sought[0]}'."
        raise Refusal(400, f"{said} Please remove this character and try again.")
    bare = re.sub(r"\\.", "", sought)
    unbalanced = any(bare.count(opening) != bare.count(closing) for opening, closing in ("()", "[]", "{}"))
    if bare.count('"') % 2 or unbalanced or re.search(r"[!^]|&&|\|\||:", bare):
        raise Refusal(400, f"Unable to parse the text '{sought}' for field '{field}'.")
    found = re.finditer(r'(?P<not>[-+]?)(?:"(?P<phrase>(?:\\.|[^"])*)"|(?P<word>(?:\\.|[^\s"])+))', sought)
    return [
        (_plain(part["phrase"] if part["phrase"] is not None else part["word"]), part["phrase"] is not None,
         part["not"] == "-")
        for part in found
    ]  # fmt: skip


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _has(has: list[str], wanted: str, *, is_phrase: bool) -> bool:
    if not is_phrase and ("*" in wanted or "?" in wanted):
        shape = re.compile(re.escape(wanted.lower()).replace(r"\*", ".*").replace(r"\?", "."))
        return any(shape.fullmatch(word) for word in has)
    sought = words(wanted)
    if not is_phrase:
        return all(word in has for word in sought)
    return any(has[at : at + len(sought)] == sought for at in range(len(has) - len(sought) + 1))
