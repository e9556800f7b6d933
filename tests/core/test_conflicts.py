from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitregate.core.calendar import Position, Window
from mitregate.core.conflicts import Conflicts, concerned, is_planned, mark_of, overlap
from mitregate.core.matching import mark
from mitregate.core.services import Service, by_id
from tests.core.making import MICROSECOND, NOW, at, deployment, window
from tests.core.strategies import SPAN, is_in_order, near, windows

LATER = Window(start=at(2) + MICROSECOND, end=at(3))
EARLIER = Window(start=at(0), end=at(1) - MICROSECOND)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        pytest.param(window(1, 2), True, id="the same"),
        pytest.param(window(2, 3), True, id="from its end on"),
        pytest.param(LATER, False, id="a tick after its end"),
        pytest.param(window(0, 1), True, id="until its start"),
        pytest.param(EARLIER, False, id="until a tick before its start"),
        pytest.param(window(1.25, 1.5), True, id="within"),
        pytest.param(window(0, 3), True, id="around"),
        pytest.param(window(2, 2), True, id="the instant of its end"),
        pytest.param(window(None, 1), True, id="always until its start"),
        pytest.param(window(None, 0.5), False, id="always until before its start"),
        pytest.param(window(2, None), True, id="always from its end on"),
        pytest.param(window(2.5, None), False, id="always from after its end on"),
        pytest.param(window(None, None), True, id="always"),
    ],
)
def test_windows_overlap_with_their_edges(other: Window, expected: bool) -> None:
    """Two windows overlap if they have an instant in common, and their edges are part of them."""
    assert overlap(window(1, 2), other) is overlap(other, window(1, 2)) is expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((None, 1), (1, None), True),
        ((None, 1), (1.5, None), False),
        ((None, 1), (None, 0), True),
        ((1, None), (2, None), True),
        ((None, None), (None, None), True),
    ],
)
def test_open_sides_overlap(
    one: tuple[float | None, float | None], other: tuple[float | None, float | None], expected: bool
) -> None:
    """A side that is open reaches as far as one looks."""
    assert overlap(window(*one), window(*other)) is overlap(window(*other), window(*one)) is expected


INSTANTS = [NOW + tick * MICROSECOND for tick in range(-SPAN, SPAN + 1)]
planned = windows(near).filter(is_in_order)


@given(planned, planned)
def test_windows_overlap_where_both_are_open(one: Window, other: Window) -> None:
    """Windows overlap exactly if there is an instant at which both are open, whichever is asked about which."""
    both = any(one.position(moment) is Position.OPEN and other.position(moment) is Position.OPEN for moment in INSTANTS)
    assert overlap(one, other) is overlap(other, one) is both


@pytest.mark.parametrize(
    ("span", "expected"), [((None, None), False), ((1, None), True), ((None, 1), True), ((1, 2), True)]
)
def test_a_plan_has_an_edge(span: tuple[float | None, float | None], expected: bool) -> None:
    """A window that is open on both sides says nothing; one edge is a plan."""
    assert is_planned(window(*span)) is expected


def test_a_service_is_found_by_a_mark() -> None:
    """Changes are found by a mark for each service that they concern, short, and never one of a deployment."""
    marks = {mark_of(name) for name in ("checkout", "Checkout", "", "x" * 255, "\ud800")}
    assert len(marks) == 5
    assert all(one.startswith("concerns ") and len(one) == 41 for one in marks)
    assert not mark(deployment()).startswith("concerns ")


def test_out_of_the_box_nothing_follows_from_a_conflict() -> None:
    """Conflicts are shown, and ask for no more approvals unless the rules say so."""
    assert Conflicts().more_approvals == 0


CODED = "b:" + b64encode(b"ari:ledger").decode()
SERVICES = by_id(
    [
        Service(id="shop", tier=1, depends_on=(f" {CODED} ",)),
        Service(id="ari:ledger", tier=1, aliases=("ledger", "books"), depends_on=("vault",)),
        Service(id="vault", tier=1),
        Service(id=" till ", tier=1, aliases=("kiosk",), depends_on=("shop",)),
        Service(id="blog", tier=4),
    ]
)
SHOP, LEDGER, VAULT, TILL = {"shop"}, {"ari:ledger", "ledger", "books"}, {"vault"}, {"till", "kiosk"}


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        pytest.param([], set(), id="nothing"),
        pytest.param(["blog"], {"blog"}, id="alone"),
        pytest.param(["vault"], VAULT | LEDGER, id="those that depend on it"),
        pytest.param(["till"], TILL | SHOP, id="those it depends on, and not those that these depend on"),
        pytest.param(["shop"], SHOP | LEDGER | TILL, id="both ways"),
        pytest.param(["books"], LEDGER | VAULT | SHOP, id="by an alias"),
        pytest.param([CODED], LEDGER | VAULT | SHOP, id="by an id in base64"),
        pytest.param([" blog ", "blog"], {"blog"}, id="with blanks around, and twice"),
        pytest.param(["ghost"], {"ghost"}, id="not known"),
        pytest.param(["ghost", "blog", "vault"], {"ghost", "blog"} | VAULT | LEDGER, id="several"),
    ],
)
def test_what_a_change_concerns(ids: list[str], expected: set[str]) -> None:
    """A change concerns its services, by all their ids, and those one step of dependency away, either way."""
    assert concerned(SERVICES, ids) == expected


def test_a_dependency_on_what_is_not_known_counts() -> None:
    """What depends on a service that the rules do not know is concerned when that is changed under the same id."""
    services = by_id([Service(id="shop", tier=1, aliases=("store",), depends_on=("ghost",))])
    assert concerned(services, ["ghost"]) == {"ghost", "shop", "store"}


NAMES = st.sampled_from("abcde")
graphs = st.dictionaries(NAMES, st.lists(NAMES, max_size=3), min_size=1).map(
    lambda needs: by_id(
        [Service(id=name, tier=1, aliases=(f"{name}2",), depends_on=tuple(on)) for name, on in needs.items()]
    )
)


@given(graphs, NAMES, NAMES)
def test_concern_is_mutual(services: dict[str, Service], one: str, other: str) -> None:
    """If changing one known service concerns another, then the other way round as well."""
    if one in services and other in services:
        assert (other in concerned(services, [one])) is (one in concerned(services, [f"{other}2"]))
        assert {one, f"{one}2"} <= concerned(services, [one])
