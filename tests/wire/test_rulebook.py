import json
from datetime import UTC, datetime

import jsonschema
import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mitregate.core.errors import Malformed, MitregateError, TooLarge
from mitregate.core.rulebook import FreezeRule, Rulebook
from mitregate.wire.moments import MOMENTS, read_moment, write_moment
from mitregate.wire.rulebook import read_rulebook, read_tree
from mitregate.wire.rulebook_schema import KEYS, schema
from mitregate.wire.rulebook_text import HEADER, as_written, write_json, write_yaml
from mitregate.wire.trees import SIZE_LIMIT, read_json, read_yaml
from tests.wire.rulebooks import WHOLE, WHOLE_TEXT, books, moments


def refused(text: str | bytes, *, is_json: bool = False) -> list[str]:
    """Give the faults that a rulebook is refused for, a line each."""
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(Malformed) as refusal:
        read_rulebook(data, is_json=is_json)
    assert refusal.value.advice()
    return refusal.value.message.splitlines()


# --- reading ---


def test_a_whole_rulebook_is_read() -> None:
    """Everything that a rulebook can say is read from YAML as people write it."""
    assert read_rulebook(WHOLE_TEXT.encode()) == WHOLE


def test_json_has_the_same_keys() -> None:
    """The same rulebook can be written as JSON, and JSON is read as YAML, too."""
    data = json.dumps(as_written(WHOLE)).encode()
    assert read_rulebook(data, is_json=True) == WHOLE
    assert read_rulebook(data) == WHOLE


def test_an_empty_rulebook_says_so() -> None:
    """Empty braces are a rulebook that says nothing; an empty file is more likely a mistake."""
    assert read_rulebook(b"{}\n") == Rulebook()
    assert refused("# nothing\n") == ["There is nothing in the document."]


def test_words_mean_what_belongs_there() -> None:
    """What YAML takes for truth, numbers or nothing is a name where a name belongs."""
    book = read_rulebook(b"groups: [{name: no, members: [1, 0x10, 1e3, null, ~, 12:30, 2026-01-01]}]")
    assert book.groups[0].name == "no"
    assert book.groups[0].members == ("1", "0x10", "1e3", "null", "~", "12:30", "2026-01-01")


def test_a_byte_order_mark_does_not_matter() -> None:
    """What some editors put before the text is passed over."""
    assert read_rulebook(b"\xef\xbb\xbf" + WHOLE_TEXT.encode()) == WHOLE


def test_all_faults_are_told_at_once() -> None:
    """Every fault is told with line, column, place and what belongs there."""
    text = """\
control: 5
freezes:
  - name:
    whne: 3
    when: {start: yesterday, days: [2026-13-01]}
  - when: {start: 2026-01-01}
    spares_emergencies: yes
services: [{id: x, tier: 9}, {tier: "1", id: [y]}]
titles: [a]
"""
    assert refused(text) == [
        "line 1, column 10: control: must be a table of keys and values, not '5'.",
        "line 3, column 10: freezes[0].name: has no value; write a single value, or leave the key out.",
        f"line 4, column 5: freezes[0]: there is no key 'whne' here, but {', '.join(FreezeRule.__struct_fields__)}.",
        f"line 5, column 19: freezes[0].when.start: 'yesterday' is no date and time; write it as in {MOMENTS}.",
        "line 5, column 37: freezes[0].when.days[0]: '2026-13-01' is no date; write it as in 2026-12-24.",
        "line 7, column 25: freezes[1].spares_emergencies: must be true or false, not 'yes'.",
        "line 6, column 5: freezes[1]: the key 'name' is missing.",
        "line 8, column 26: services[0].tier: must be 1 to 4, not 9.",
        "line 8, column 37: services[1].tier: must be a whole number, not '1'.",
        "line 8, column 46: services[1].id: must be a single value, not a list.",
        "line 9, column 9: titles: must be a table of names and values, not a list.",
    ]


def test_what_makes_no_sense_is_told_with_its_place() -> None:
    """What is well formed but cannot be is told where it stands, or where the nearest thing does."""
    text = """\
services:
  - {id: a, tier: 1, owner: nobody}
freezes:
  - name: x
  - name: y
    when: {start: 2026-01-01, zone: Mars}
  - name: X
    when:
      start: 2026-01-01
"""
    assert refused(text) == [
        "line 7, column 5: freezes[2]: 'x' is there twice.",
        "line 2, column 29: services[0].owner: There is no group 'nobody'.",
        "line 4, column 5: freezes[0].when: 'x' says nothing of when. Give a start, an end, a rule or days.",
        "line 6, column 11: freezes[1].when: There is no time zone 'Mars'. Write an IANA name such as Europe/Berlin.",
    ]


def test_not_more_faults_are_told_than_one_can_read() -> None:
    """Of many faults the first are told, and how many more there are."""
    told = refused("\n".join(f"x{number}: 1" for number in range(30)))
    assert len(told) == 21
    assert told[-1] == "And 10 more."


def test_json_names_places_by_their_path() -> None:
    """In JSON a fault is told with the path that leads to it; what is no JSON, with line and column."""
    assert refused('{"services": [{"id": "a", "tier": "1"}]}', is_json=True) == [
        "services[0].tier: must be a whole number, not '1'."
    ]
    assert refused('{"a": 1,}', is_json=True)[0].startswith("line 1, column 9: This is no JSON: ")
    assert refused('{"groups": null}', is_json=True) == ["groups: has no value; write a list, or leave the key out."]
    assert refused('{"freezes": [], "freezes": []}', is_json=True) == ["The key 'freezes' is there twice."]
    assert refused("[" * 30 + "]" * 30, is_json=True) == ["Lists and tables lie inside one another too deeply."]
    assert refused("[" * 100_000, is_json=True) == ["Lists and tables lie inside one another too deeply."]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: b: c", "line 1, column 5: This is no YAML: mapping values are not allowed in this context."),
        ("a: &x 1", "line 1, column 4: Anchors and aliases (& and *) are not taken here."),
        ("a: *x", "line 1, column 4: Anchors and aliases (& and *) are not taken here."),
        ("freezes: []\nfreezes: []", "line 2, column 1: 'freezes' is there already, at line 1, column 1."),
        ("--- {}\n--- {}\n", "line 2, column 1: A second document begins."),
        ("a: !!int 3", "line 1, column 4: Tags (!) are not taken here."),
        ("\ta: 1", "line 1, column 1: This is no YAML: found character that cannot start any token."),
        ("[" * 21 + "]" * 21, "line 1, column 20: Lists and tables lie inside one another too deeply."),
        ("? [a]\n: b", "line 1, column 3: A key must be a single word."),
        (
            'groups: [{name: "\\0"}]',
            "line 1, column 17: groups[0].name: has a NUL character or half of a surrogate pair.",
        ),
        ("- a", "line 1, column 1: must be a table of keys and values, not a list."),
        ("just words", "line 1, column 1: must be a table of keys and values, not 'just words'."),
    ],
)
def test_what_is_not_taken(text: str, told: str) -> None:
    """Whatever YAML allows beyond lists, tables and words is refused where it stands."""
    assert refused(text) == [told]


def test_what_is_no_text_is_refused() -> None:
    """Bytes that are no UTF-8, and control characters, are refused in words."""
    assert refused(b"a: \xff") == ["The document is not UTF-8: invalid start byte at byte 3."]
    assert refused(b"a: \x01")[0].startswith("This is no YAML:") or "line 1" in refused(b"a: \x01")[0]


@pytest.mark.parametrize("read", [read_yaml, read_json])
def test_what_is_too_long_is_refused(read: object) -> None:
    """A document beyond the limit is not even looked at."""
    assert callable(read)
    with pytest.raises(TooLarge, match="at most 524288 are taken"):
        read(b" " * (SIZE_LIMIT + 1))


@given(
    st.binary(max_size=60) | st.text("{}[]:,-#&*!|>'\"%@` \n\tabc0129?~", max_size=40).map(str.encode), st.booleans()
)
def test_anything_is_read_or_refused(data: bytes, is_json: bool) -> None:
    """Whatever is sent, it is a rulebook or is refused in words."""
    try:
        read_rulebook(data, is_json=is_json)
    except MitregateError as error:
        assert error.message  # noqa: PT017 - most of it is refused, and not all


# --- dates and times ---


@pytest.mark.parametrize(
    ("text", "is_end", "moment"),
    [
        ("2026-12-24", False, datetime(2026, 12, 24)),  # noqa: DTZ001 - a local time
        ("2026-12-24", True, datetime(2026, 12, 24, 23, 59, 59, 999_999)),  # noqa: DTZ001 - likewise
        ("2026-12-24 18:00", True, datetime(2026, 12, 24, 18)),  # noqa: DTZ001 - likewise
        ("2026-12-24T18:00:30.5", False, datetime(2026, 12, 24, 18, 0, 30, 500_000)),  # noqa: DTZ001 - likewise
        ("2026-12-24 18:00Z", False, datetime(2026, 12, 24, 18, tzinfo=UTC)),
        ("2026-12-24 18:00 +01:00", False, datetime(2026, 12, 24, 17, tzinfo=UTC)),
    ],
)
def test_moments_are_read(text: str, is_end: bool, moment: datetime) -> None:
    """A date, a time in the zone of the rule, and an instant are told apart; an end includes its day."""
    assert read_moment(text, is_end=is_end) == moment


@pytest.mark.parametrize(
    "text", ["", "24.12.2026", "2026-12-24 6pm", "2026-02-30", "2026-12-24 24:01", "2026-12-24 18", "20261224"]
)
def test_other_moments_are_not(text: str) -> None:
    """What is no date that exists, or is written otherwise, is none."""
    assert read_moment(text) is None


@given(moments, st.booleans())
def test_moments_are_written_as_they_are_read(moment: datetime, is_end: bool) -> None:
    """A date and time that is written is read back as exactly the same."""
    assert read_moment(write_moment(moment, is_end=is_end), is_end=is_end) == moment


# --- writing ---


def test_writing_is_short_and_in_order() -> None:
    """What is written has a head that says what it is, sections in their order, and nothing that is the default."""
    text = write_yaml(WHOLE).decode()
    assert text.startswith(HEADER)
    assert "\nfreezes:\n  - name: year end\n    when:\n      start: 2026-12-20\n      end: 2026-12-31\n" in text
    assert "runbooks" not in text
    assert "    members: [ann, bob]\n" in text
    sections = ["control", "titles", "services", "groups", "hours", "holidays", "freezes"]
    assert [line[:-1] for line in text.splitlines() if line[:1].isalpha()] == sections
    assert write_yaml(Rulebook()).decode() == HEADER + "\n{}\n"


@given(books)
def test_what_is_written_is_read_as_it_was(book: Rulebook) -> None:
    """Any rulebook that is written, as YAML or JSON, is read back as exactly what it was, and is written the same."""
    text = write_yaml(book)
    assert read_tree(read_yaml(text)) == book
    assert read_tree(read_json(write_json(book))) == book
    assert write_yaml(read_tree(read_yaml(text))) == text


@given(books)
def test_others_understand_what_is_written(book: Rulebook) -> None:
    """Whoever reads YAML in the usual way finds the same tables, lists and words in it."""
    assert yaml.load(write_yaml(book), Loader=yaml.BaseLoader) == words(as_written(book))


def words(part: object) -> object:
    """Give what is written with every value as a word."""
    match part:
        case dict():
            return {name: words(one) for name, one in part.items()}
        case list():
            return [words(one) for one in part]
        case bool():
            return "true" if part else "false"
    return str(part)


# --- the schema ---


def test_every_key_is_described() -> None:
    """Every key of every part of a rulebook is explained, and none that does not exist."""
    found = msgspec.json.schema(Rulebook)["$defs"]
    described = {kind.__name__: sorted(keys) for kind, keys in KEYS.items()}
    assert described == {name: sorted(part["properties"]) for name, part in found.items() if "properties" in part}
    assert all(said.endswith(".") for keys in KEYS.values() for said in keys.values())


@given(books)
def test_the_schema_takes_what_is_written(book: Rulebook) -> None:
    """The schema for editors takes whatever is written here."""
    jsonschema.Draft202012Validator(schema()).validate(as_written(book))


@pytest.mark.parametrize(
    "book", [{"freezs": []}, {"freezes": [{}]}, {"freezes": [{"name": "x", "when": {"start": "soon"}}]}]
)
def test_the_schema_refuses_what_is_refused(book: object) -> None:
    """The schema finds unknown and missing keys, and dates that are none."""
    jsonschema.Draft202012Validator.check_schema(schema())
    assert not jsonschema.Draft202012Validator(schema()).is_valid(book)
