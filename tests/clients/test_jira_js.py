"""jira.js 5 and 6 as they are on npm: all five operations, with every way they know to prove who is calling."""

import itertools
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest

from tests.acceptance.callers import IDS, deployment, progressed
from tests.acceptance.house import House
from tests.clients.jira_js import PROPERTIES, WAYS, Client, Config, Site, by_access_token, by_bearer, key_of, with_token
from tests.clients.programs import HERE, Program, running
from tests.fakes.connect_app import ConnectApp
from tests.fakes.sink import running as listening

numbers = itertools.count(1)

BOTH = pytest.mark.parametrize("version", WAYS)
EVERY = pytest.mark.parametrize(
    ("version", "way"), [pytest.param(v, way, id=f"{v}-{way.__name__}") for v, ways in WAYS.items() for way in ways]
)


@pytest.fixture(scope="module")
def site(house: House) -> Iterator[Site]:
    """A server with its first user, an app that has a token, and a Connect app."""
    server = house.serve()
    person = house.first_user(server)
    app = house.app(person, "ci")
    app.log_in()
    with listening(ConnectApp()) as connect:
        connect.keys_at = f"{server.url}/connect/install-keys"
        person.ask("POST", "/api/v1/apps/install", json={"descriptorUrl": connect.descriptor_url}).expect(200)
        (secret,) = connect.secrets.values()
        yield Site(server=server, person=person, app=app, connect=(connect.key, secret))


@pytest.fixture(scope="module")
def programs(node: list[str], site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Program]]:
    """Both versions, as programs that lead the gateway's name to our server."""
    folder = tmp_path_factory.mktemp("programs")
    options = [*node, "--import", str(HERE / "gateway.mjs")]
    found = {"MITREGATE_URL": site.server.url, "AUDIT_SCHEMAS": "true"}
    with (
        running(options, "jira_js_5.mjs", folder / "5.log", **found) as five,
        running(options, "jira_js_6.mjs", folder / "6.log", **found) as six,
    ):
        yield {"5": five, "6": six}


@pytest.fixture
def client(programs: dict[str, Program], site: Site, version: str) -> Client:
    """A version in its first way."""
    return Client(programs[version], WAYS[version][0](site))


# --- what must go well ---


@EVERY
def test_every_operation(programs: dict[str, Program], site: Site, version: str, way: Callable[[Site], Config]) -> None:
    """A deployment is submitted, waits, is read, allowed, ends and is deleted, in whatever way the caller is proved."""
    client = Client(programs[version], way(site))
    wanted = deployment(next(numbers))
    assert client.submit(wanted) == {
        "acceptedDeployments": [key_of(wanted)],
        "rejectedDeployments": [],
        "unknownIssueKeys": [],
        "unknownAssociations": [],
    }
    first = client.ask("gatingStatus", **key_of(wanted))
    assert first["gatingStatus"] == "awaiting"
    (detail,) = first["details"]
    assert detail["issueLink"] == f"{site.server.url}/changes/{detail['issueKey']}"
    read = client.ask("read", **key_of(wanted))
    assert {name: read[name] for name in wanted if name != "lastUpdated"} == {
        name: wanted[name] for name in wanted if name != "lastUpdated"
    }
    site.person.approve(detail["issueKey"])
    assert client.ask("gatingStatus", **key_of(wanted))["gatingStatus"] == "allowed"
    client.submit(progressed(wanted, "successful"))
    assert site.person.change(detail["issueKey"])["status"] == "Resolved"
    client.ask("delete", **key_of(wanted))
    assert client.refuses("read", **key_of(wanted)).status == 404


def test_version_6_deletes_by_property(programs: dict[str, Program], site: Site) -> None:
    """What version 6 deletes by its two properties is gone, and nothing else."""
    client = Client(programs["6"], by_bearer(site))
    gone, kept = deployment(next(numbers)), deployment(next(numbers))
    client.submit(gone)
    client.ask("submit", deployments=[kept], properties={"accountId": "harbour-2"})
    client.ask("deleteByProperty", **PROPERTIES)
    assert client.refuses("read", **key_of(gone)).status == 404
    assert client.ask("read", **key_of(kept))["state"] == "pending"


def test_version_5_cannot_name_properties(programs: dict[str, Program], site: Site) -> None:
    """Version 5 can only send `_updateSequenceNumber`, which names nothing: it is told so, nothing is lost."""
    client = Client(programs["5"], by_access_token(site))
    wanted = deployment(next(numbers))
    client.submit(wanted)
    for parameters in ({}, {"updateSequenceNumber": 2**53}):
        refused = client.refuses("deleteByProperty", **parameters)
        assert refused.status == 400
        assert refused.body[0]["message"].startswith("At least one property must be given in the query")
    assert client.ask("gatingStatus", **key_of(wanted))["gatingStatus"] == "awaiting"


@EVERY
def test_odd_ids(programs: dict[str, Program], site: Site, version: str, way: Callable[[Site], Config]) -> None:
    """Neither version quotes what it puts into a path; an id that its caller has quoted arrives, whatever it is."""
    client = Client(programs[version], way(site))
    for ids in IDS:
        if ".." in ids:
            continue  # a URL cannot hold it, however it is quoted
        wanted = deployment(next(numbers), pipeline=ids[0], environment=ids[1])
        client.submit(wanted)
        key = key_of(wanted, spell=lambda id_: quote(id_, safe=""))
        status = client.ask("gatingStatus", **key)
        assert (status["pipelineId"], status["environmentId"], status["gatingStatus"]) == (*ids, "awaiting")
        read = client.ask("read", **key)
        assert (read["pipeline"]["id"], read["environment"]["id"]) == ids
        client.ask("delete", **key)
        assert client.refuses("read", **key).status == 404


@BOTH
def test_mild_ids_need_no_quotes(client: Client) -> None:
    """Spaces and letters of any script arrive although nobody has quoted them: the URL class does."""
    wanted = deployment(next(numbers), pipeline="build all", environment="Прод")
    client.submit(wanted)
    assert client.ask("gatingStatus", **key_of(wanted))["gatingStatus"] == "awaiting"


def test_replies_hold_nothing_unknown(programs: dict[str, Program], site: Site) -> None:
    """Version 6, asked to be strict, has found no field and no word in our replies that its schemas do not have."""
    client = Client(programs["6"], by_bearer(site))
    wanted = deployment(
        next(numbers),
        duration=12,
        associations=[
            {"associationType": "issueIdOrKeys", "values": ["ABC-1", "10001"]},
            {"associationType": "serviceIdOrKeys", "values": ["b:YXJpOg=="]},
            {"associationType": "commit", "values": [{"commitHash": "abc", "repositoryId": "r"}]},
        ],
    )
    client.submit(wanted, deployment(next(numbers), state="in_progress"))
    client.ask("read", **key_of(wanted))
    client.ask("gatingStatus", **key_of(wanted))
    assert programs["6"].call("drift") == []


# --- what must be refused, in a form that the client understands ---


@BOTH
def test_one_bad_deployment(client: Client) -> None:
    """A deployment that is rejected is told beside the one that is accepted."""
    good, bad = deployment(next(numbers)), deployment(next(numbers), state="in_progress")
    answer = client.submit(good, bad)
    assert answer["acceptedDeployments"] == [key_of(good)]
    (rejected,) = answer["rejectedDeployments"]
    assert rejected["key"] == key_of(bad)
    assert "pending" in rejected["errors"][0]["message"]


@BOTH
def test_requests_that_are_wrong_as_a_whole(client: Client) -> None:
    """None and too many deployments are a 400 and a 413, with the messages where the client looks for them."""
    assert client.refuses("submit", deployments=[]).status == 400
    many = [deployment(next(numbers)) for _ in range(101)]
    refused = client.refuses("submit", deployments=many)
    assert refused.status == 413
    assert "fewer deployments" in refused.body[0]["message"]


@BOTH
def test_what_is_not_there(client: Client) -> None:
    """What was never submitted, and what never asked to be gated, is a 404 with a message; deleting it is no error."""
    unknown = deployment(next(numbers))
    for operation in ("read", "gatingStatus"):
        refused = client.refuses(operation, **key_of(unknown))
        assert refused.status == 404
        assert refused.body[0]["message"]
    client.ask("delete", **key_of(unknown))
    ungated = deployment(next(numbers), commands=None)
    client.submit(ungated)
    assert client.refuses("gatingStatus", **key_of(ungated)).status == 404


@BOTH
def test_those_who_may_not(programs: dict[str, Program], site: Site, version: str) -> None:
    """No proof and a wrong one are a 401, a person's token is a 403, each with a message."""
    wanted = deployment(next(numbers))
    nobody = {"host": site.server.url}
    for config, status in (
        (nobody, 401),
        (with_token(version, site.server.url, "guessed"), 401),
        (with_token(version, site.server.url, site.person.token), 403),
    ):
        client = Client(programs[version], config)
        for operation, parameters in (("submit", {"deployments": [wanted]}), ("read", key_of(wanted))):
            refused = client.refuses(operation, **parameters)
            assert (operation, refused.status) == (operation, status)
            assert refused.body[0]["message"]
