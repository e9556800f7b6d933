from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mitregate.core.deployments import Associations, Commit, Deployment, State
from mitregate.core.matching import NUMBERS, TITLE_LIMIT, TYPE, describe, mark, supplied, title
from tests.core.making import at, deployment, with_commits

NUMBER = "Octopus.JiraServiceManagement.ChangeRequest.Number"
ISSUE_NUMBER = "Octopus.JiraServiceManagement.ChangeRequest.IssueNumber"


def carrying(**properties: str) -> Deployment:
    """Make a deployment with such properties alone."""
    return replace(deployment(), properties=properties)


@pytest.mark.parametrize(
    ("properties", "number"),
    [
        ({}, None),
        ({"team": "blue"}, None),
        ({"changeRequest": "CHG-7"}, "CHG-7"),
        ({"changeRequest": " chg-7\n"}, "CHG-7"),
        ({"changeRequest": "whatever"}, "WHATEVER"),
        ({"changeRequest": ""}, None),
        ({"changeRequest": " "}, None),
        ({"changerequest": "CHG-7"}, None),
        ({NUMBER: "CHG-8"}, "CHG-8"),
        ({ISSUE_NUMBER: "CHG-9"}, "CHG-9"),
        ({ISSUE_NUMBER: "CHG-9", NUMBER: "CHG-8"}, "CHG-8"),
        ({ISSUE_NUMBER: "CHG-9", NUMBER: "CHG-8", "changeRequest": "CHG-7"}, "CHG-7"),
        ({ISSUE_NUMBER: "CHG-9", NUMBER: "CHG-8", "changeRequest": " "}, "CHG-8"),
        ({ISSUE_NUMBER: "CHG-9", NUMBER: "", "changeRequest": ""}, "CHG-9"),
    ],
)
def test_a_deployment_can_name_its_change(properties: dict[str, str], number: str | None) -> None:
    """The number of a change is in our property or in a variable of Octopus; the first that says anything counts."""
    assert supplied(carrying(**properties)) == number


def test_names_of_properties() -> None:
    """The names by which a submission says which change it wants, and of which type, stay as they are."""
    assert NUMBERS == ("changeRequest", NUMBER, ISSUE_NUMBER)
    assert TYPE == "changeType"


OTHERS: list[Callable[[Deployment], Deployment]] = [
    lambda one: replace(one, key=replace(one.key, app_id="x")),
    lambda one: replace(one, key=replace(one.key, environment_id="x")),
    lambda one: replace(one, pipeline=replace(one.pipeline, display_name="Till")),
    lambda one: replace(one, label="1.1"),
    lambda one: replace(one, label=None),
]
THE_SAME: list[Callable[[Deployment], Deployment]] = [
    lambda one: replace(one, key=replace(one.key, sequence_number=2)),
    lambda one: replace(one, key=replace(one.key, pipeline_id="run 2")),
    lambda one: replace(one, environment=replace(one.environment, display_name="Live")),
    lambda one: replace(one, display_name="Again"),
    lambda one: replace(one, state=State.IN_PROGRESS, last_updated=at(1), update_sequence_number=9),
    lambda one: replace(one, product="Octopus", properties={}),
    lambda one: with_commits(one, Commit(repository_id="r3")),
]


@pytest.mark.parametrize("other", [pytest.param(other, id=f"other {n}") for n, other in enumerate(OTHERS)])
def test_what_deploys_something_else_has_another_mark(other: Callable[[Deployment], Deployment]) -> None:
    """Another app, environment, project or version is not a deployment of the same."""
    assert mark(other(deployment())) != mark(deployment())


@pytest.mark.parametrize("same", [pytest.param(same, id=f"same {n}") for n, same in enumerate(THE_SAME)])
def test_what_deploys_the_same_has_its_mark(same: Callable[[Deployment], Deployment]) -> None:
    """Which try of which run it is, what it is called and how far it has come makes no difference."""
    assert mark(same(deployment())) == mark(deployment())


def test_a_mark_is_short() -> None:
    """A mark says what kind it is, and is as short as an index wants it, whatever the names."""
    long = mark(replace(deployment(), label="1" * 10_000))
    assert long.startswith("deploys ")
    assert len(long) == len(mark(deployment())) == 40


@given(st.text(max_size=3), st.text(max_size=3), st.text(max_size=3), st.text(max_size=3))
def test_marks_do_not_run_into_each_other(app: str, version: str, other_app: str, other_version: str) -> None:
    """No text of one part of a mark can pass for text of another."""

    def made(app_id: str, label: str) -> str:
        record = replace(deployment(label=None), display_name=label)
        return mark(replace(record, key=replace(record.key, app_id=app_id)))

    assert (made(app, version) == made(other_app, other_version)) == ((app, version) == (other_app, other_version))


@pytest.mark.parametrize(
    ("product", "word"),
    [
        ("Jenkins", "Jenkins"),
        ("Octopus Deploy 2024.1", "Octopus"),
        (None, "Mitregate"),
        ("", "Mitregate"),
        (" ", "Mitregate"),
    ],
)
def test_a_title_begins_with_the_product(product: str | None, word: str) -> None:
    """The first word of the product that deploys leads its titles; ours, if it did not say what it is."""
    assert title(replace(deployment(), product=product)) == f'{word}: Deploy "Shop" version 1.0 to "Production"'


def test_a_title_is_one_line() -> None:
    """Line breaks and blanks are folded, and where a title is cut no blank is left at its end."""
    record = replace(deployment(), product=None, label=" 1\n\n2 \t3 ")
    assert title(record) == 'Mitregate: Deploy "Shop" version 1 2 3 to "Production"'
    assert title(replace(record, label="1" * (TITLE_LIMIT - 1) + " 2"), {"*": "{version}{project}"}) == "1" * 254


def test_what_a_change_says_of_its_deployment() -> None:
    """The description has what the deployment says of itself, its links, and what it is associated with."""
    assert describe(deployment()) == (
        "Ship it\n"
        "Deployment: Release 1 https://ci.example.com/1\n"
        "Pipeline: Shop https://ci.example.com/shop\n"
        "Environment: Production (production)\n"
        "Issues: SHOP-1\n"
        "Services: b:checkout\n"
        "Commits: abc, def"
    )


def test_a_description_leaves_out_what_is_not_there() -> None:
    """Where there is no text, no link, and nothing associated but a repository as a whole, no line is left for it."""
    bare = replace(
        deployment(),
        description=" ",
        url="",
        pipeline=replace(deployment().pipeline, url=""),
        associations=Associations(commits=(Commit(repository_id="r"),)),
    )
    assert describe(bare) == "Deployment: Release 1\nPipeline: Shop\nEnvironment: Production (production)"


def test_several_of_a_kind_stand_in_one_line() -> None:
    """Several issues and services are listed, and a commit without a hash is not."""
    related = Associations(
        issues=("A-1", "A-2"),
        services=("x", "y"),
        commits=(Commit(repository_id="r"), Commit(repository_id="r", hash="f")),
    )
    lines = describe(replace(deployment(), associations=related)).splitlines()
    assert lines[4:] == ["Issues: A-1, A-2", "Services: x, y", "Commits: f"]
