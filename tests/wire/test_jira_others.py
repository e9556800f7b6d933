"""Which API of Jira's a path belongs to, and how the platform's says that something failed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitregate.wire.jira_others import PROVIDED, OtherApi, other_api, write_failure

FORMS = ["/rest/{}/0.1/bulk", "/jira/{}/0.1/cloud/c-1/bulk", "/ex/jira/c-1/rest/{}/0.1/bulk", "/rest/{}/1.0/a/%2F/b"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", PROVIDED)
def test_what_tools_provide_is_known_in_every_form_of_path(kind: bytes, form: str) -> None:
    """Builds and the like are known under the site, for on-premises tools, and behind the gateway."""
    assert other_api(form.format(kind.decode()).encode()) == OtherApi(provided=PROVIDED[kind])


@pytest.mark.parametrize(
    "path",
    [
        b"/rest/api/3/user",
        b"/rest/api/2/myself",
        b"/rest/agile/1.0/board",
        b"/rest/",
        b"/rest",
        b"/ex/jira/c-1/rest/api/3/issue/A-1",
        b"/ex/jira/",
        b"/jira/rest/api/3/user",
        b"/jira/builds/0.1/bulk",
    ],
)
def test_the_rest_of_jira_is_the_platform_s(path: bytes) -> None:
    """Whatever else begins as Jira's paths do is the platform's."""
    assert other_api(path) == OtherApi()


@pytest.mark.parametrize(
    "path", [b"/", b"", b"*", b"/api/v1/gates", b"/restful", b"/ex", b"/gates/rest/api", b"/jiras/"]
)
def test_other_paths_are_not_jira_s(path: bytes) -> None:
    """A path that no client of Jira would ask for is left to others."""
    assert other_api(path) is None


@given(st.binary(max_size=60))
def test_any_path_is_one_or_the_other(path: bytes) -> None:
    """No path breaks the look at it."""
    assert other_api(path) in {None, OtherApi(), *(OtherApi(provided=name) for name in PROVIDED.values())}


def test_a_failure_has_the_platform_s_shape() -> None:
    """The platform's errors are an object of messages and of errors by field; a trace id is a message, too."""
    assert json.loads(write_failure(["No."])) == {"errorMessages": ["No."], "errors": {}}
    assert json.loads(write_failure(["No."], "abc"))["errorMessages"] == ["No.", "Look for abc in the server's log."]
