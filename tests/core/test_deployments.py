import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mitregate.core.control import Control, control
from mitregate.core.deployments import FINAL_STATES, Commit, State, is_newer
from mitregate.core.matching import TITLE_LIMIT, describe, title
from tests.core.making import deployment, with_commits


@pytest.mark.parametrize(
    ("incoming", "stored", "is_taken"), [(1, None, True), (1, 1, False), (1, 2, False), (2, 1, True), (-1, -2, True)]
)
def test_only_higher_updates_replace(incoming: int, stored: int | None, is_taken: bool) -> None:
    """A record replaces another one of the same state only if its update sequence number is higher; equal is not."""
    before = deployment(stored) if stored is not None else None
    assert is_newer(deployment(incoming), before) is is_taken


FORWARD = [
    *[(before, after) for before in ("unknown", "pending") for after in ("in_progress", *FINAL_STATES)],
    *[("in_progress", after) for after in FINAL_STATES],
]


@pytest.mark.parametrize("before", list(State))
@pytest.mark.parametrize("after", list(State))
def test_equal_numbers_go_forward(before: State, after: State) -> None:
    """Of two records with one number the one further on counts: begun over waiting, ended over begun, nothing back."""
    assert is_newer(deployment(state=after), deployment(state=before)) is ((before, after) in FORWARD)


@given(st.sampled_from(State), st.integers(), st.sampled_from(State), st.integers())
def test_the_order_is_strict(one: State, first: int, other: State, second: int) -> None:
    """Of two records at most one replaces the other, and a higher number always does."""
    left, right = deployment(first, state=one), deployment(second, state=other)
    assert not (is_newer(left, right) and is_newer(right, left))
    assert is_newer(left, right) or first <= second


def test_final_states_are_those_of_an_end() -> None:
    """Four of the seven states are an end."""
    assert {state.value for state in FINAL_STATES} == {"cancelled", "failed", "rolled_back", "successful"}
    assert {state.value for state in set(State) - FINAL_STATES} == {"unknown", "pending", "in_progress"}


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("asks", [True, False])
def test_what_asks_is_gated(state: State, asks: bool) -> None:
    """A pending deployment that asks for gating gets a gate that needs a change; nothing else does."""
    record = replace(deployment(state=state), asks_for_gating=asks)
    expected = Control.REQUIRED if asks and state is State.PENDING else None
    assert control(record) is expected


@pytest.mark.parametrize(
    ("label", "display_name", "version"), [("1.0", "Release", "1.0"), (None, "Release", "Release"), ("", "R", "R")]
)
def test_a_version_is_the_label_or_the_name(label: str | None, display_name: str, version: str) -> None:
    """What is deployed is told by the label, else by the display name."""
    assert replace(deployment(), label=label, display_name=display_name).version == version


@pytest.mark.parametrize(("name", "project"), [("Shop", "Shop"), ("", "shop")])
def test_a_project_is_the_pipelines_name(name: str, project: str) -> None:
    """Change control matches on the pipeline's display name; without one there is its id."""
    record = deployment()
    assert replace(record, pipeline=replace(record.pipeline, display_name=name)).project == project


@pytest.mark.parametrize(
    ("product", "word"),
    [
        ("Jenkins", "Jenkins"),
        ("GitLab CI", "GitLab"),
        (" Octopus\t", "Octopus"),
        *[(nothing, "Mitregate") for nothing in (None, "", " \n")],
    ],
)
def test_a_title_begins_with_the_product(product: str | None, word: str) -> None:
    """A change is titled as in Octopus, after the product that deploys, quotes included."""
    assert title(replace(deployment(), product=product)) == f'{word}: Deploy "Shop" version 1.0 to "Production"'


def test_a_title_is_one_line() -> None:
    """Line breaks and runs of space in names from outside become single spaces."""
    assert title(deployment(label="1\r\n\t 2\u2028 3")) == 'Jenkins: Deploy "Shop" version 1 2 3 to "Production"'


def test_names_are_no_templates() -> None:
    """Braces in names from outside stand in the title as they are."""
    assert "{project}{0}" in title(deployment(label="{project}{0}"))


@given(st.text(max_size=40), st.integers(200, 300))
def test_titles_fit(label: str, length: int) -> None:
    """A title is never longer than Jira takes, and has no space at its end that a trimming receiver would drop."""
    made = title(deployment(label=label + "x y" * length))
    assert len(made) <= TITLE_LIMIT
    assert made == made.strip()
    assert title(deployment(label="x" * length)).startswith('Jenkins: Deploy "Shop" version xxx')


@given(st.integers(0, 300))
def test_a_cut_title_ends_with_a_word(spaces: int) -> None:
    """Wherever the cut falls, no space is left at the end."""
    assert not title(deployment(label="ab " * spaces)).endswith(" ")


def test_a_description_says_what_goes_where() -> None:
    """A change describes its deployment with links, issues, services and commits."""
    assert describe(deployment()).splitlines() == [
        "Ship it",
        "Deployment: Release 1 https://ci.example.com/1",
        "Pipeline: Shop https://ci.example.com/shop",
        "Environment: Production (production)",
        "Issues: SHOP-1",
        "Services: b:checkout",
        "Commits: abc, def",
    ]


def test_a_description_has_no_empty_lines() -> None:
    """What a deployment does not say leaves no empty line behind."""
    bare = replace(with_commits(deployment(), Commit(repository_id="r")), description=" ")
    bare = replace(bare, associations=replace(bare.associations, issues=(), services=(), commits=()))
    assert [line.partition(":")[0] for line in describe(bare).splitlines()] == ["Deployment", "Pipeline", "Environment"]


def test_a_repository_without_a_commit_is_no_commit() -> None:
    """A repository named as a whole leaves no empty list of commits in the description."""
    assert "Commits" not in describe(with_commits(deployment(), Commit(repository_id="r")))
