import json
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitregate.core.errors import Malformed
from mitregate.core.installations import Descriptor, Lifecycle, Module
from mitregate.core.scopes import Scope
from mitregate.wire.connect_descriptor import LISTED, read_descriptor

SAMPLE = (Path(__file__).parents[1] / "samples/connect/descriptor/body.json").read_bytes()
URL = "https://deployer.example.com/connect/atlassian-connect.json"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["jwt", "https://a.b", "/x"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
INFO, GATING = "jiraDeploymentInfoProvider", "jiraDeploymentGating"

Change = Callable[[dict[str, Any]], object]


def changed(*changes: Change) -> bytes:
    """Give the sample with some changes."""
    descriptor = json.loads(SAMPLE)
    for change in changes:
        change(descriptor)
    return json.dumps(descriptor).encode()


def put(path: str, value: Any) -> Change:
    """Make a change that puts a value in place of what is at *path*."""
    *way, last = path.split(".")

    def change(descriptor: dict[str, Any]) -> None:
        for name in way:
            descriptor = descriptor[name]
        descriptor[last] = value

    return change


def without(path: str) -> Change:
    """Make a change that takes out what is at *path*."""
    *way, last = path.split(".")

    def change(descriptor: dict[str, Any]) -> None:
        for name in way:
            descriptor = descriptor[name]
        del descriptor[last]

    return change


def refusal(body: bytes) -> str:
    """Give the words with which a descriptor is refused, and see to it that they name its address."""
    with pytest.raises(Malformed) as caught:
        read_descriptor(body, URL)
    assert URL in caught.value.message
    return caught.value.message


def test_a_descriptor_is_read() -> None:
    """What concerns deployments is read, and all else in it passed over."""
    assert read_descriptor(SAMPLE, URL) == Descriptor(
        key="com.example.shop-deployer",
        name="Shop Deployer",
        description="Tells which release of the shop is where.",
        vendor="Example Ltd",
        base_url="https://deployer.example.com/connect",
        scopes=frozenset({Scope.READ, Scope.WRITE}),
        modules=frozenset(Module),
        lifecycle={Lifecycle.INSTALLED: "/installed", Lifecycle.UNINSTALLED: "/uninstalled?from=jira"},
        callback="/gating-changed",
    )


def test_a_descriptor_can_be_short() -> None:
    """What an app need not say is left empty, and its key is its name."""
    short = changed(
        *map(without, ["name", "description", "vendor", "scopes", "links", "apiMigrations", f"modules.{GATING}"])
    )
    descriptor = read_descriptor(b"\xef\xbb\xbf" + short, URL)
    assert (descriptor.name, descriptor.description, descriptor.vendor) == (descriptor.key, "", "")
    assert (descriptor.scopes, descriptor.callback) == (frozenset(), None)
    assert descriptor.modules == {Module.DEPLOYMENT_INFO}


@pytest.mark.parametrize("migrations", [{}, {"signed-install": False}, {"signed-install": True}, None])
def test_migrations_make_no_difference(migrations: Any) -> None:
    """Installations are signed with our key whatever the app says, so it may say what it likes."""
    assert read_descriptor(changed(put("apiMigrations", migrations)), URL) == read_descriptor(SAMPLE, URL)


@pytest.mark.parametrize("module", [INFO, GATING])
def test_a_module_may_stand_in_a_list(module: str) -> None:
    """A list of one says the same as the object; of none, that the app has no such module."""
    declared = json.loads(SAMPLE)["modules"][module]
    assert read_descriptor(changed(put(f"modules.{module}", [declared])), URL) == read_descriptor(SAMPLE, URL)
    assert read_descriptor(changed(put(f"modules.{module}", [])), URL).modules == set(Module) - {module}


@pytest.mark.parametrize(
    ("words", "scopes"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param(["NONE"], [], id="none"),
        pytest.param(["READ"], [Scope.READ], id="read"),
        pytest.param(["WRITE"], [Scope.READ, Scope.WRITE], id="write"),
        pytest.param(["delete"], list(Scope), id="delete"),
        pytest.param(["PROJECT_ADMIN"], list(Scope), id="project admin"),
        pytest.param(["admin"], list(Scope), id="admin"),
        pytest.param(["ACT_AS_USER", "access_email_addresses", "SPACE_ADMIN"], [], id="others"),
    ],
)
def test_a_scope_implies_others(words: list[str], scopes: list[Scope]) -> None:
    """As in Connect: who may delete may write, who may write may read, and administrators may do all."""
    assert read_descriptor(changed(put("scopes", words)), URL).scopes == set(scopes)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(without("key"), "'key' is required", id="no key"),
        pytest.param(put("key", ""), "'key' must not be empty", id="empty key"),
        pytest.param(put("key", 5), "'key' must be a string, not 5", id="number for a key"),
        pytest.param(
            put("key", "a/b"),
            "'key' must be of letters, digits, dashes, dots and underscores, not 'a/b'",
            id="slash in the key",
        ),
        pytest.param(put("key", "k" * 81), "'key' is longer than 80 characters (81)", id="long key"),
        pytest.param(put("name", "n" * 81), "'name' is longer than 80 characters (81)", id="long name"),
        pytest.param(put("name", "a\0"), "'name' has a NUL character or half of a surrogate pair", id="NUL in name"),
        pytest.param(put("vendor", "x"), "'vendor' must be an object, not 'x'", id="vendor"),
        pytest.param(put("vendor.name", []), "'vendor.name' must be a string, not an array", id="vendor's name"),
        pytest.param(without("baseUrl"), "'baseUrl' is required", id="no base URL"),
        pytest.param(put("baseUrl", "https://a.b/" + "c" * 200), "'baseUrl' is longer than 200", id="long base URL"),
        pytest.param(without("authentication"), "'authentication' is required", id="no authentication"),
        pytest.param(
            put("authentication.type", "none"), "'authentication.type' must be 'jwt', not 'none'", id="authentication"
        ),
        pytest.param(without("lifecycle"), "'lifecycle' is required", id="no lifecycle"),
        pytest.param(without("lifecycle.installed"), "'lifecycle.installed' is required", id="no installed"),
        pytest.param(put("lifecycle.installed", None), "'lifecycle.installed' must not be null", id="null installed"),
        pytest.param(put("lifecycle.enabled", ""), "'lifecycle.enabled' must not be empty", id="empty path"),
        pytest.param(put("scopes", "READ"), "'scopes' must be an array, not 'READ'", id="scopes"),
        pytest.param(put("scopes", ["Read", 5]), "'scopes' has 'Read', which is no scope of Connect", id="scope"),
        pytest.param(put("modules", []), "'modules' must be an object, not an array", id="modules"),
        pytest.param(put(f"modules.{INFO}", "x"), f"'modules.{INFO}' must be an object, not 'x'", id="module"),
        pytest.param(put(f"modules.{INFO}", ["x"]), f"'modules.{INFO}[0]' must be an object, not 'x'", id="in a list"),
        pytest.param(put(f"modules.{GATING}", [{}, {}]), f"'modules.{GATING}' must be one object, not 2", id="two"),
        pytest.param(
            put(f"modules.{INFO}.key", "a.b"),
            f"'modules.{INFO}.key' must be of letters, digits and dashes, not 'a.b'",
            id="module key",
        ),
        pytest.param(without(f"modules.{INFO}.name"), f"'modules.{INFO}.name' is required", id="no module name"),
        pytest.param(put(f"modules.{INFO}.name", {}), f"'modules.{INFO}.name.value' is required", id="module name"),
        pytest.param(
            put(f"modules.{INFO}.homeUrl", "/home"), "homeUrl' must be a complete URL, not '/home'", id="home"
        ),
        pytest.param(
            without(f"modules.{GATING}.callback"), f"'modules.{GATING}.callback' is required", id="no callback"
        ),
        pytest.param(
            put(f"modules.{GATING}.callback.type", "x"), "callback.type' must be 'jwt', not 'x'", id="callback"
        ),
        pytest.param(without(f"modules.{GATING}.callback.url"), "callback.url' is required", id="no callback url"),
    ],
)
def test_each_problem_is_named(change: Change, words: str) -> None:
    """Where it is and what is wrong with it, in the words of the descriptor."""
    assert refusal(changed(change)).startswith(f"The app at {URL} cannot be installed; in its descriptor ")
    assert words in refusal(changed(change))


@pytest.mark.parametrize(
    ("address", "words"),
    [
        pytest.param("", "'baseUrl' must not be empty", id="empty"),
        pytest.param("/", "must be a complete http or https URL, not '/'", id="slash"),
        pytest.param("deployer.example.com", "must be a complete http or https URL", id="no scheme"),
        pytest.param("ftp://a.example", "must be a complete http or https URL", id="ftp"),
        pytest.param("https://", "must be a complete http or https URL", id="no host"),
        pytest.param("https://:80", "must be a complete http or https URL", id="port alone"),
        pytest.param("https://a.example:x", "must be a complete http or https URL", id="port"),
        pytest.param("https://[::1", "must be a complete http or https URL", id="bracket"),
        pytest.param("https://a.example/a b", "must be a complete http or https URL", id="space"),
        pytest.param("https://a.example\\@b.example", "must be a complete http or https URL", id="backslash"),
        pytest.param("https://é.example", "must be a complete http or https URL", id="not ASCII"),
        pytest.param("https://me@a.example", "must have neither a user name, nor a query, nor a fragment", id="user"),
        pytest.param("https://a.example?x=1", "must have neither a user name, nor a query", id="query"),
        pytest.param("https://a.example/#x", "must have neither a user name, nor a query", id="fragment"),
    ],
)
def test_a_base_url_is_complete_and_nothing_more(address: str, words: str) -> None:
    """Below it all other addresses lie, so it is scheme, host and path."""
    assert words in refusal(changed(put("baseUrl", address)))


@pytest.mark.parametrize("address", ["https://evil.example/x", "//evil.example/x", "/../x", "/a/.."])
@pytest.mark.parametrize("path", ["lifecycle.installed", f"modules.{GATING}.callback.url"])
def test_an_address_stays_below_the_base_url(path: str, address: str) -> None:
    """What is signed for one host is not sent to another."""
    words = f"'{path}' must be an address relative to 'baseUrl' and below it, not '{address}'"
    assert words in refusal(changed(put(path, address)))


@pytest.mark.parametrize(
    ("address", "words"),
    [
        pytest.param("/x?a=%ff", "cannot be signed: The query is not UTF-8.", id="query"),
        pytest.param("/x?" + "a&" * 100, "cannot be signed: The query has more than 100 parameters.", id="parameters"),
    ],
)
@pytest.mark.parametrize("path", ["lifecycle.disabled", f"modules.{GATING}.callback.url"])
def test_an_address_can_be_signed(path: str, address: str, words: str) -> None:
    """An app that could never be called back is not installed, rather than that each callback fails later."""
    assert f"'{path}' {words}" in refusal(changed(put(path, address)))


def test_all_problems_are_named_at_once() -> None:
    """Who makes the app need not come back for each; of very many, the first ones are named."""
    words = refusal(changed(without("key"), without("baseUrl"), put("scopes", ["x"] * 30)))
    assert "'key' is required, 'baseUrl' is required, 'scopes' has 'x'" in words
    assert words.count("'scopes'") == LISTED - 2
    assert words.endswith(", and 12 more.")


def test_an_app_without_deployments_is_refused() -> None:
    """Nothing could be done with it."""
    with pytest.raises(Malformed) as caught:
        read_descriptor(changed(without("modules")), URL)
    assert caught.value.message == (
        f"The app at {URL} has nothing to do with deployments: "
        "it declares neither jiraDeploymentInfoProvider nor jiraDeploymentGating."
    )
    assert caught.value.advice() == "Declare these modules in its descriptor, or install another app."


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b'{"key": ', b"[" * 10_000])
def test_what_is_not_json_is_no_descriptor(body: bytes) -> None:
    """A page, a truncated file, another encoding, or a mere tower of brackets."""
    assert refusal(body) == f"What is at {URL} is not JSON, as a Connect app's descriptor is."


@pytest.mark.parametrize(("body", "what"), [(b"[]", "an array"), (b"null", "null"), (b"5", "5"), (b'"x"', "'x'")])
def test_other_json_is_no_descriptor(body: bytes, what: str) -> None:
    """It is said what is there instead."""
    assert refusal(body) == f"The descriptor at {URL} must be a JSON object, not {what}."


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_bytes_do_harm(body: bytes) -> None:
    """Whatever is at an address, it is refused in words."""
    with pytest.raises(Malformed):
        read_descriptor(body, URL)


@given(st.data())
def test_no_descriptor_does_harm(data: st.DataObject) -> None:
    """Whatever stands anywhere in a descriptor, it is read, or refused in words."""
    descriptor = deepcopy(json.loads(SAMPLE))
    inner = descriptor
    while True:
        name = data.draw(st.sampled_from(sorted(inner)))
        if not isinstance(inner[name], dict) or data.draw(st.booleans()):
            break
        inner = inner[name]
    inner[name] = data.draw(JSON)
    with suppress(Malformed):
        assert read_descriptor(json.dumps(descriptor).encode(), URL).key
