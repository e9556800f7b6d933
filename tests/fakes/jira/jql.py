"""A part of Jira's query language: parsed to clauses, with Jira's complaints about what is wrong."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct

from tests.fakes.jira.refusals import Refusal

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
        | (?P<sign><=|>=|!=|!~|=|~|<|>|\(|\)|,)
        | (?P<property>issue\.property\[[^\]]*\](?:\.[\w.]+)?)
        | (?P<word>cf\[\d+\]|[^\s"'=!<>~(),]+)
    )""",
    re.VERBOSE,
)
_SIGNS = frozenset(["=", "!=", "~", "!~", "<", ">", "<=", ">="])
_RESERVED = frozenset(["abort", "access", "add", "after", "alter", "and", "any", "as", "asc", "audit", "before", "by"])


class Clause(Struct, frozen=True, kw_only=True):
    """One condition on a field: `values` are what it is compared with, function calls with their brackets."""

    field: str
    sign: str
    values: tuple[str, ...]


class Both(Struct, frozen=True):
    """All conditions hold."""

    parts: tuple["Condition", ...]


class Either(Struct, frozen=True):
    """One of the conditions holds."""

    parts: tuple["Condition", ...]


class Not(Struct, frozen=True):
    """The condition does not hold."""

    part: "Condition"


Condition = Clause | Both | Either | Not


class Query(Struct, frozen=True, kw_only=True):
    """A query: what it asks for, None for all there is, and the order: names of fields, and whether they descend."""

    condition: Condition | None
    order: tuple[tuple[str, bool], ...]


class _Token(NamedTuple):
    text: str
    is_quoted: bool
    at: int

    @property
    def keyword(self) -> str:
        return "" if self.is_quoted else self.text.lower()


class _Parser:
    def __init__(self, jql: str) -> None:
        self.jql = jql
        self.tokens = list(_tokens(jql))
        self.next = 0

    def query(self) -> Query:
        condition = None if self.next == len(self.tokens) or self.peek() == "order" else self.either()
        order: list[tuple[str, bool]] = []
        if self.takes("order"):
            self.expect("by", "BY")
            order.append(self.ordering())
            while self.takes(","):
                order.append(self.ordering())
        if self.next < len(self.tokens):
            raise self.complaint("Expecting either 'OR' or 'AND' but got", self.tokens[self.next])
        return Query(condition=condition, order=tuple(order))

    def ordering(self) -> tuple[str, bool]:
        name = self.take("a field name").text
        descends = self.takes("desc")
        if not descends:
            self.takes("asc")
        return name, descends

    def either(self) -> Condition:
        parts = [self.both()]
        while self.takes("or") or self.takes("||"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def both(self) -> Condition:
        parts = [self.one()]
        while self.takes("and") or self.takes("&&"):
            parts.append(self.one())
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def one(self) -> Condition:
        if self.takes("not"):
            return Not(self.one())
        if self.takes("("):
            inner = self.either()
            self.expect(")", ")")
            return inner
        return self.clause()

    def clause(self) -> Clause:
        field = self.take("a field name")
        if field.keyword in _RESERVED or field.keyword in _SIGNS | {")", ","}:
            raise self.complaint("Expecting a field name but got", field)
        sign = self.sign()
        if sign in {"in", "not in"}:
            return Clause(field=field.text, sign=sign, values=tuple(self.list()))
        if sign in {"is", "is not"}:
            empty = self.take("EMPTY")
            if empty.keyword not in {"empty", "null"}:
                raise self.complaint("Expecting 'EMPTY' but got", empty)
            return Clause(field=field.text, sign=sign, values=())
        return Clause(field=field.text, sign=sign, values=(self.value(),))

    def sign(self) -> str:
        sign = self.take("operator")
        if sign.text in _SIGNS and not sign.is_quoted:
            return sign.text
        if sign.keyword == "in":
            return "in"
        if sign.keyword == "not":
            self.expect("in", "IN")
            return "not in"
        if sign.keyword == "is":
            return "is not" if self.takes("not") else "is"
        raise self.complaint("Expecting operator but got", sign)

    def list(self) -> Iterator[str]:
        self.expect("(", "(")
        yield self.value()
        while self.takes(","):
            yield self.value()
        self.expect(")", ")")

    def value(self) -> str:
        token = self.take("a value")
        if token.keyword in _SIGNS | {"(", ")", ","}:
            raise self.complaint("Expecting either a value, list or function but got", token)
        if not token.is_quoted and self.takes("("):
            self.expect(")", ")")
            return f"{token.text}()"
        return token.text

    def peek(self) -> str:
        return self.tokens[self.next].keyword if self.next < len(self.tokens) else ""

    def takes(self, word: str) -> bool:
        if self.peek() != word:
            return False
        self.next += 1
        return True

    def expect(self, word: str, shown: str) -> None:
        if not self.takes(word):
            if self.next < len(self.tokens):
                raise self.complaint(f"Expecting '{shown}' but got", self.tokens[self.next])
            raise Refusal(400, f"Error in the JQL Query: Expecting '{shown}' before the end of the query.")

    def take(self, what: str) -> _Token:
        if self.next == len(self.tokens):
            raise Refusal(400, f"Error in the JQL Query: Expecting {what} before the end of the query.")
        self.next += 1
        return self.tokens[self.next - 1]

    def complaint(self, said: str, token: _Token) -> Refusal:
        where = f"(line 1, character {token.at + 1})"
        return Refusal(400, f"Error in the JQL Query: {said} '{token.text}'. {where}")


def parse(jql: str) -> Query:
    """Parse a query.

    Raises:
        Refusal: it is not well formed.
    """
    return _Parser(jql).query()


def _tokens(jql: str) -> Iterator[_Token]:
    at = 0
    while jql[at:].strip():
        found = _TOKEN.match(jql, at)
        if found is None:
            character = jql[at:].lstrip()[:1]
            raise Refusal(
                400,
                f"Error in the JQL Query: The character '{character}' is a reserved JQL character or its quoted text "
                f"has not been completed. You must enclose it in a string or use the escape '\\u{ord(character):04x}' "
                f"instead. (line 1, character {at + 1})",
            )
        text = found["text"]
        start = found.end() - len(found[0].lstrip())
        if text is not None:
            yield _Token(_unescaped(text[1:-1]), is_quoted=True, at=start)
        else:
            yield _Token(found[0].strip(), is_quoted=False, at=start)
        at = found.end()


def _unescaped(text: str) -> str:
    known = {"n": "\n", "t": "\t", "r": "\r"}
    return re.sub(r"\\(u[0-9a-fA-F]{4}|.)", lambda at: _character(at[1], known), text, flags=re.DOTALL)


def _character(said: str, known: dict[str, str]) -> str:
    return chr(int(said[1:], 16)) if len(said) == 5 else known.get(said, said)
