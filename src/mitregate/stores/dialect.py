"""The SQL texts, loaded for one engine.

There is one text for both engines (`sql/`). The few words in it that neither engine knows, or only one, are replaced
when it is loaded: `utc_now()` and `utc_after(:seconds)`, instants by the database's clock; `texts_of(:x)` and
`pairs_of(:x)`, the members of a JSON array or object as rows, and `arrays_of(:x)`, those of an array of arrays;
`numbers_of_changes(:n)`, so many numbers that no change has had; `shared_rules()` and `locked_rules()`, by which one
decides by rules that stay as they are until one has ended; `turns_of(:x)`, by which those take turns who say the same;
and the comments that ask PostgreSQL for row locks,
and SQLite for an index, as it keeps no statistics to choose a partial one by.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aiosql

HEAD = "0005"
"""The newest migration, which the texts are written for."""

TEXTS = Path(__file__).parent / "sql"

_PARAMETER = re.compile(r":(\w+)")


class Texts:
    """The named queries for one engine; each is called with a connection and its parameters.

    Args:
        driver: what aiosql calls the driver, or what makes an adapter for it.
        words: regular expressions of the words to replace, and what to put there.
    """

    def __init__(self, driver: str | Callable[[], Any], words: Mapping[str, str]) -> None:
        text = "\n\n".join(path.read_text(encoding="utf-8") for path in sorted(TEXTS.glob("*.sql")))
        for word, meaning in words.items():
            text = re.sub(word, meaning, text)
        self._driver = driver
        self._text = text
        self._narrowed: dict[tuple[str, frozenset[str]], Callable[..., Any]] = {}
        self.q: Any = aiosql.from_str(text, driver, mandatory_parameters=False)  # its names are not known to types

    def narrowed(self, name: str, given: frozenset[str]) -> Callable[..., Any]:
        """Give a query without the lines that mention parameters other than *given*.

        A line such as `:x IS NULL OR a = :x` would need no such thing, but keeps SQLite from using an index.
        """
        found = self._narrowed.get((name, given))
        if found is None:
            text = self._text[self._text.index(f"-- name: {name}\n") :].partition("\n-- name:")[0]
            lines = (line for line in text.splitlines() if set(_PARAMETER.findall(line)) <= given)
            queries: Any = aiosql.from_str("\n".join(lines), self._driver, mandatory_parameters=False)
            found = self._narrowed[name, given] = getattr(queries, name)
        return found
