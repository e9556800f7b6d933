"""What the Jenkins plugin sends, read; and what is answered to builds."""

import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitregate.core.errors import Malformed, Refused, Unproven
from mitregate.wire.jenkins import (
    BuildEvent,
    DeploymentEvent,
    Message,
    Ping,
    PluginConfig,
    StatusQuery,
    read_server,
    read_token,
)
from mitregate.wire.jenkins_builds import answer_builds
from mitregate.wire.jenkins_site import connection
from tests.fakes.jenkins_plugin import build_event, deployment_event, gating_query, signed, token_of

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SECRET = "kX3p-jWm_Q9" * 4


def read(request: dict[str, Any], **claims: object) -> Message:
    """Read a request as the plugin wraps it."""
    return read_token(token_of(request, SECRET, NOW.timestamp(), **claims), (SECRET,), NOW)


def refused(request: dict[str, Any]) -> str:
    """Say why a request is refused."""
    with pytest.raises(Malformed) as raised:
        read(request)
    return raised.value.message


# --- who asks ---


@pytest.mark.parametrize(
    "query", [b"jenkins_server_uuid=a-b", b"x=1&jenkins_server_uuid=a%2Db", b"jenkins_server_uuid=a-b&"]
)
def test_the_server_is_named_in_the_query(query: bytes) -> None:
    """The server is what the parameter says, decoded, wherever it stands."""
    assert read_server(query) == "a-b"


@pytest.mark.parametrize("query", [b"", b"jenkins_server_uuid=", b"uuid=1", b"\xff", b"&".join([b"a=1"] * 50)])
def test_an_address_without_a_server_is_refused(query: bytes) -> None:
    """An address that names no server is refused, saying what is missing and what to paste."""
    with pytest.raises(Malformed, match="has no 'jenkins_server_uuid'") as raised:
        read_server(query)
    assert "Paste the whole webhook URL" in raised.value.advice()


# --- what is asked ---


def test_a_ping_is_read() -> None:
    """The plugin's test of the connection is read."""
    assert read({"requestType": "ping"}) == Ping()


@pytest.mark.parametrize("audience", ["jenkins-forge-app", ["jenkins-forge-app"], ["other", "jenkins-forge-app"]])
def test_the_audience_may_be_a_list(audience: object) -> None:
    """Whom the token is meant for may be written as text or as a list."""
    assert read({"requestType": "ping"}, aud=audience) == Ping()


def test_a_poll_is_read() -> None:
    """A build's question is read, its number from text, and a pipeline's hash may be negative."""
    asked = StatusQuery(pipeline_id="-1304697844", environment_id="prod-eu", build_number=58)
    assert read(gating_query("harbour/Aa", 58)) == asked
    assert read({**gating_query("harbour/Aa", 58), "deploymentId": 58}) == asked


def test_events_are_told_apart() -> None:
    """Deployments and builds are told apart, and each payload is passed on as it came."""
    deployment = read(deployment_event("shop", 7, "pending", NOW.timestamp(), is_gated=True))
    assert isinstance(deployment, DeploymentEvent)
    assert json.loads(deployment.payload)["deployments"][0]["commands"] == [{"command": "initiate_deployment_gating"}]
    build = read(build_event("shop", 7, "successful", NOW.timestamp()))
    assert isinstance(build, BuildEvent)
    assert json.loads(build.payload)["builds"][0]["buildNumber"] == 7


def test_settings_are_read() -> None:
    """The plugin's settings are read as text; what is empty, of another form or unknown is left out."""
    told = {
        "ipAddress": "192.0.2.44",
        "autoBuildEnabled": True,
        "autoBuildRegex": "",
        "autoDeploymentsEnabled": False,
        "autoDeploymentsRegex": "^deploy to (?<envName>.*)$" + "x" * 300,
        "other": "thing",
    }
    found = read({"requestType": "pluginConfig", **told})
    assert isinstance(found, PluginConfig)
    assert list(found.config) == ["ipAddress", "autoBuildEnabled", "autoDeploymentsEnabled", "autoDeploymentsRegex"]
    assert found.config["autoBuildEnabled"] == "true"
    assert found.config["autoDeploymentsEnabled"] == "false"
    assert len(found.config["autoDeploymentsRegex"]) == 255
    assert read({"requestType": "pluginConfig", "ipAddress": None, "autoBuildRegex": [1]}) == PluginConfig(config={})


# --- what is refused ---


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({}, "The request type null is not known here; known are event, gatingStatus, ping and pluginConfig."),
        ({"requestType": "resetJenkinsServer"}, "The request type 'resetJenkinsServer' is not known here"),
        ({"requestType": 7}, "The request type 7 is not known here"),
        ({"requestType": "event"}, "The event type null is not known here; known are deployment and build."),
        ({"requestType": "event", "eventType": "tea"}, "The event type 'tea' is not known here"),
        ({**gating_query("a", 1), "deploymentId": "x"}, "'deploymentId' must be the number of a build, not 'x'."),
        ({**gating_query("a", 1), "deploymentId": True}, "'deploymentId' must be the number of a build, not true."),
        ({**gating_query("a", 1), "deploymentId": 2**63}, "not 9223372036854775808."),
        ({**gating_query("a", 1), "pipelineId": ""}, "'pipelineId' must be text that is not empty, not ''."),
        ({**gating_query("a", 1), "pipelineId": None}, "not null."),
        ({**gating_query("a", 1), "environmentId": "a\0"}, "'environmentId' must be text"),
    ],
)
def test_what_is_not_known_is_refused(request_: dict[str, Any], said: str) -> None:
    """A request that the plugin does not send is refused, saying what is wrong with it and what there is."""
    assert said in refused(request_)


@pytest.mark.parametrize("claim", [None, 7, {"requestType": "ping"}, "ping", "[]", "{", '"ping"', "[" * 5000])
def test_a_claim_that_holds_no_request_is_refused(claim: object) -> None:
    """The claim must hold JSON as text, and that JSON must be an object."""
    with pytest.raises(Malformed):
        read({}, request_body_json=claim)


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("", "not a JSON Web Token"),
        ('{"requestType":"ping"}', "not a JSON Web Token"),
        (token_of({"requestType": "ping"}, "other", NOW.timestamp()), "signature does not fit"),
        (token_of({"requestType": "ping"}, SECRET, NOW.timestamp(), iss="somebody"), "issuer is not 'jenkins-plugin'"),
        (token_of({"requestType": "ping"}, SECRET, NOW.timestamp(), aud="somebody"), "not meant for"),
        (token_of({"requestType": "ping"}, SECRET, NOW.timestamp(), aud=None), "not meant for"),
        (token_of({"requestType": "ping"}, SECRET, NOW.timestamp(), exp=None), "does not say when it ends"),
        (token_of({"requestType": "ping"}, SECRET, NOW.timestamp(), iat=None), "does not say when it was issued"),
        (signed({"alg": "none"}, {"iss": "jenkins-plugin"}, SECRET), "not signed with HS256"),
    ],
)
def test_what_does_not_prove_is_refused(token: str, said: str) -> None:
    """Each thing that a token lacks has its own words, with what to compare, and the time here."""
    with pytest.raises(Unproven, match=said) as raised:
        read_token(token, (SECRET,), NOW)
    assert raised.value.advice() == (
        "Compare the secret in Jenkins with the one that belongs to this webhook URL, and the clocks of both machines: "
        "here it is 2026-03-01 12:00:00 UTC."
    )


@pytest.mark.parametrize(("ahead", "is_taken"), [(0, True), (1, False), (-300, True), (-302, True), (-303, False)])
def test_a_token_is_good_for_its_time(ahead: int, is_taken: bool) -> None:
    """A token is good from its own second until three seconds after its end, and not before."""
    token = token_of({"requestType": "ping"}, SECRET, (NOW + ahead * SECOND).timestamp())
    if is_taken:
        assert read_token(token, (SECRET,), NOW) == Ping()
    else:
        with pytest.raises(Unproven, match="future" if ahead > 0 else "expired"):
            read_token(token, (SECRET,), NOW)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
fields = [
    "eventType",
    "payload",
    "deploymentId",
    "pipelineId",
    "environmentId",
    "ipAddress",
    "autoBuildEnabled",
    "builds",
]
requests = st.fixed_dictionaries(
    {"requestType": st.sampled_from(["ping", "event", "gatingStatus", "pluginConfig"]) | anything},
    optional=dict.fromkeys(fields, anything | st.sampled_from(["build", "deployment", "7"])),
)


@given(requests)
def test_any_request_is_read_or_refused(request_: dict[str, Any]) -> None:
    """Whatever a token holds, it is read or refused in words; so is whatever a build event holds."""
    with contextlib.suppress(Refused):
        found = read(request_)
        if isinstance(found, BuildEvent):
            answer_builds(found.payload)


# --- builds ---


def builds(*told: dict[str, Any]) -> Any:
    """Answer builds."""
    return json.loads(answer_builds(json.dumps({"builds": told, "properties": {"source": "jenkins"}}).encode()))


def test_builds_are_accepted() -> None:
    """Builds are answered as accepted, with all three lists, whatever else is told of them."""
    told = build_event("harbour/Aa", 12, "failed", NOW.timestamp())["payload"]["builds"][0]
    assert builds(told) == {
        "acceptedBuilds": [{"pipelineId": "-1304697844", "buildNumber": 12}],
        "rejectedBuilds": [],
        "unknownIssueKeys": [],
    }


def test_a_build_without_its_key_is_rejected() -> None:
    """A build that does not say which it is, is rejected by itself, with what it lacks."""
    found = builds({"pipelineId": "p", "buildNumber": 1}, {"buildNumber": 2}, {})
    assert found["acceptedBuilds"] == [{"pipelineId": "p", "buildNumber": 1}]
    assert found["rejectedBuilds"] == [
        {"key": {"pipelineId": "", "buildNumber": 2}, "errors": [{"message": "'pipelineId' is required"}]},
        {
            "key": {"pipelineId": "", "buildNumber": 0},
            "errors": [{"message": "'pipelineId' is required"}, {"message": "'buildNumber' is required"}],
        },
    ]


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"null", "cannot be read"),
        (b'{"builds": [], "x": 1}', "1 to 100 builds, not 0"),
        (json.dumps({"builds": [{}] * 101}).encode(), "not 101"),
        (b'{"builds": [{"pipelineId": 7}]}', "cannot be read"),
    ],
)
def test_a_payload_without_builds_is_refused(payload: bytes, said: str) -> None:
    """What holds no builds is refused as a whole."""
    with pytest.raises(Malformed, match=said):
        answer_builds(payload)


# --- what is pasted ---


def test_what_is_pasted() -> None:
    """The site is the host of our address, the webhook URL ends with the server's id, and nothing is in the way."""
    made = connection("https://gate.example.com", "a-b")
    assert (made.site, made.warnings) == ("gate.example.com", ())
    assert made.webhook_url == "https://gate.example.com/jenkins/web-trigger?jenkins_server_uuid=a-b"


@pytest.mark.parametrize(
    ("base_url", "leads_elsewhere", "is_no_name"),
    [
        ("https://gate.example.com/", False, False),
        ("http://gate.example.com", True, False),
        ("https://gate.example.com:8443", True, False),
        ("https://gate.example.com/gate", True, False),
        ("https://example.com", False, True),
        ("https://mitre.gate.example.com", False, True),
        ("https://ci.example.com", False, True),
        ("http://127.0.0.1:8470", True, True),
        ("http://localhost:8470", True, True),
        ("http://[::1]:8470", True, True),
    ],
)
def test_what_will_not_work_is_said(base_url: str, leads_elsewhere: bool, is_no_name: bool) -> None:
    """It is said in advance when the plugin would ask another server, or refuse the name of the site."""
    warnings = connection(base_url, "a-b").warnings
    assert any("/_edge/tenant_info, without a port or a path" in warning for warning in warnings) is leads_elsewhere
    assert any("it takes site names of three parts" in warning for warning in warnings) is is_no_name
    assert len(warnings) == leads_elsewhere + is_no_name
