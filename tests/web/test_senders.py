"""What clients in the field send, and the exact replies they need, through the real door.

Each sample that has a `reply.json` is posted as it is; its note says where its shape is from. What a sender makes of a
reply is written here after its public source.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from mitregate.web.deployments import BODY_LIMIT
from tests.web.stage import Stage

SAMPLES = Path(__file__).parents[1] / "samples"
SITE, ON_PREMISES = "/rest/deployments/0.1", "/jira/deployments/0.1/cloud/cloud"

FAMILY = {
    "circleci": SITE,
    "github-for-jira": SITE,
    "gitlab": SITE,
    "highwaythree": ON_PREMISES,
    "jenkins": ON_PREMISES,
}
"""The family of paths that each sender knows; the bodies of Jenkins' 2.x come wrapped, through the web-trigger."""

CASES = sorted(
    f"{path.parts[-3]}/{path.parts[-2]}" for sender in FAMILY for path in (SAMPLES / sender).glob("*/reply.json")
)


def sample(case: str) -> bytes:
    """Read the body of a sample."""
    return (SAMPLES / case / "body.json").read_bytes()


async def send(stage: Stage, case: str, body: bytes | None = None) -> Any:
    """Submit a sample, or another body, as its sender does; give the reply."""
    path = f"{FAMILY[case.partition('/')[0]]}/bulk"
    content = sample(case) if body is None else body
    return await stage.client("ci").post(path, content=content, headers={"content-type": "application/json"})


async def read(stage: Stage, case: str) -> dict[str, Any]:
    """Read back the first deployment of a sample, its ids in the path as a careful client quotes them."""
    item = json.loads(sample(case))["deployments"][0]
    pipeline, environment = (quote(item[of]["id"], safe="") for of in ("pipeline", "environment"))
    number = item["deploymentSequenceNumber"]
    path = f"{FAMILY[case.partition('/')[0]]}/pipelines/{pipeline}/environments/{environment}/deployments/{number}"
    reply = await stage.client("ci").get(path)
    return {"httpStatus": reply.status_code, **(reply.json() if reply.status_code == 200 else {})}


@pytest.mark.parametrize("case", CASES)
async def test_every_sender_gets_the_reply_it_needs(stage: Stage, case: str) -> None:
    """What each client sends is answered with a 202 and exactly these four lists, which are there even if empty."""
    reply = await send(stage, case)
    assert (reply.status_code, reply.headers["content-type"]) == (202, "application/json")
    assert reply.json() == json.loads((SAMPLES / case / "reply.json").read_text(encoding="utf-8"))


# --- what each sender makes of a reply ---


def gitlab(found: dict[str, Any]) -> list[str]:
    """GitLab logs the message of every error of every rejected deployment."""
    return [error["message"] for rejected in found["rejectedDeployments"] for error in rejected["errors"]]


def github_for_jira(found: dict[str, Any]) -> list[str]:
    """GitHub for Jira warns of each list that holds anything, but for the accepted."""
    return [name for name in ("rejectedDeployments", "unknownIssueKeys", "unknownAssociations") if found[name]]


def circleci(found: dict[str, Any]) -> list[str]:
    """The orb 1.x looks at the first unknown association and the first rejection; 2.x at any `error` or `errors`."""
    first = [name for name in ("unknownAssociations", "rejectedDeployments") if found[name]]
    return first + [word for item in inner(found) for word in ("error", "errors") if word in item]


def inner(value: Any) -> Iterator[dict[str, Any]]:
    """List every object in *value*, however deep."""
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from inner(item)


def highwaythree(found: dict[str, Any]) -> list[str]:
    """The action fails with the messages of the first rejected deployment, joined by commas."""
    rejected = found["rejectedDeployments"]
    return [",".join(error["message"] for error in rejected[0]["errors"])] if rejected else []


def jenkins(found: dict[str, Any]) -> list[str]:
    """The plugin is content with anything accepted; else it looks for what is unknown, then for what is rejected."""
    if found["acceptedDeployments"]:
        return []
    if found["unknownAssociations"]:
        return ["unknown associations"]
    return [error["message"] for rejected in found["rejectedDeployments"] for error in rejected["errors"]]


READERS: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "circleci": circleci,
    "github-for-jira": github_for_jira,
    "gitlab": gitlab,
    "highwaythree": highwaythree,
    "jenkins": jenkins,
}
TROUBLE = {
    "gitlab/long_label": ["'label' is longer than 255 characters (310)"],
    "highwaythree/spaced_keys": ["'issueKeys' has ' ROPE-2', which is no issue key"],
    "jenkins/too_late": [
        "the command 'initiate_deployment_gating' is only valid with state 'pending', not 'in_progress'"
    ],
}
"""What the sender shows its user, where there is something to show."""


@pytest.mark.parametrize("case", CASES)
async def test_senders_show_trouble_only_where_there_is_some(stage: Stage, case: str) -> None:
    """Each client is content with its reply, or shows its user a sentence that says what to mend."""
    found = (await send(stage, case)).json()
    assert READERS[case.partition("/")[0]](found) == TROUBLE.get(case, [])


# --- requests that fail as a whole ---

MANY = b'{"deployments": [' + b",".join([b"{}"] * 101) + b"]}"
TOO_LARGE = "Send fewer deployments in each request."
WHOLE: dict[str, tuple[bytes, int, str]] = {
    "none": (b'{"deployments": []}', 400, "'deployments' must hold at least one deployment."),
    "no-json": (b'{"deployments": [', 400, "The body is not JSON."),
    "builds": (b'{"builds": []}', 400, "'deployments' is required."),
    "many": (MANY, 413, f"The request holds 101 deployments; at most 100 are taken at once. {TOO_LARGE}"),
    "bytes": (b" " * (BODY_LIMIT + 1), 413, TOO_LARGE),
}


@pytest.mark.parametrize("case", WHOLE)
@pytest.mark.parametrize("sender", FAMILY)
async def test_a_failed_request_is_an_array_of_messages(stage: Stage, sender: str, case: str) -> None:
    """Where a request fails as a whole, GitLab and others read a `message` of each item of an array."""
    body, status, words = WHOLE[case]
    reply = await send(stage, sender, body)
    assert reply.status_code == status
    messages = [error["message"] for error in reply.json()]
    assert len(messages) == 1
    assert words in messages[0]


@pytest.mark.parametrize("sender", FAMILY)
async def test_a_stranger_is_told_in_an_array_too(stage: Stage, sender: str) -> None:
    """Without credentials the answer is a 401 whose body is an array as well."""
    reply = await stage.client().post(f"{FAMILY[sender]}/bulk", content=b"{}")
    assert (reply.status_code, [list(error) for error in reply.json()]) == (401, [["message"]])


@pytest.mark.parametrize("suffix", ["", "@", "@example.com", "@a@b"])
async def test_a_client_id_may_look_like_an_address(stage: Stage, suffix: str) -> None:
    """Where a client takes an e-mail address for a name, what follows the @ is passed over; the secret must fit."""
    made = await stage.add_app("script")
    name = made.app.client_id + suffix
    replies = [
        await stage.client().post(f"{SITE}/bulk", content=sample("gitlab/blocked"), auth=(name, secret))
        for secret in (made.client_secret, made.client_secret + "x", "")
    ]
    assert [reply.status_code for reply in replies] == [202, 401, 401]


# --- what is kept ---


async def test_gitlab_describes_at_length(stage: Stage) -> None:
    """Of a description longer than the API allows 255 characters are kept, and the deployment is gated all the same."""
    await send(stage, "gitlab/long_description")
    described = json.loads(sample("gitlab/long_description"))["deployments"][0]["description"]
    assert (await read(stage, "gitlab/long_description"))["description"] == described[:254] + "…"
    status = await stage.client("ci").get(f"{SITE}/pipelines/20990/environments/63/deployments/57/gating-status")
    assert status.json()["gatingStatus"] == "awaiting"


async def test_github_cuts_emojis(stage: Stage) -> None:
    """Of an emoji that was cut in two, nothing is kept."""
    await send(stage, "github-for-jira/cut_emoji")
    name = (await read(stage, "github-for-jira/cut_emoji"))["displayName"]
    assert (len(name), name[:7]) == (254, "Let the")


async def test_github_uses_one_pipeline_for_all(stage: Stage) -> None:
    """Two repositories share pipeline and environment; neither takes the other's deployments over, or away."""
    one, other = "github-for-jira/numeric_properties", "github-for-jira/other_repository"
    for case in (one, other):
        await send(stage, case)
    assert [(await read(stage, case))["displayName"] for case in (one, other)] == ["deploy", "Paint the ropes"]
    gone = await stage.client("ci").delete(f"{SITE}/bulkByProperties?repositoryId=90210")
    assert gone.status_code == 202
    assert [(await read(stage, case))["httpStatus"] for case in (one, other)] == [404, 200]


async def test_circleci_goes_somewhere_else_every_time(stage: Stage) -> None:
    """Runs of the orb, each with an environment of its own, are deployments of their own."""
    cases = ("circleci/strings", "circleci/orb_1", "circleci/orb_2")
    for case in cases:
        await send(stage, case)
    read_back = [await read(stage, case) for case in cases]
    assert [each["deploymentSequenceNumber"] for each in read_back] == [731, 732, 733]
    assert len({each["environment"]["id"] for each in read_back}) == 3


async def test_highwaythree_repeats_its_run(stage: Stage) -> None:
    """A second end of one run is accepted and without effect; ids with slashes and spaces are found again."""
    for case in ("highwaythree/empty_keys", "highwaythree/again"):
        assert len((await send(stage, case)).json()["acceptedDeployments"]) == 1
    kept = await read(stage, "highwaythree/again")
    assert (kept["state"], kept["deploymentSequenceNumber"]) == ("successful", 11223344556)
    assert (kept["description"], kept["pipeline"]["id"]) == ("", "pier/ropes Build and ship")


@pytest.mark.parametrize("cases", [("begun", "ended"), ("ended", "begun")], ids="-".join)
async def test_jenkins_counts_seconds(stage: Stage, cases: tuple[str, str]) -> None:
    """A deployment that begins and ends within one second has ended, whichever report comes first."""
    for case in cases:
        assert len((await send(stage, f"jenkins/{case}")).json()["acceptedDeployments"]) == 1
    assert (await read(stage, "jenkins/ended"))["state"] == "successful"


@pytest.mark.parametrize("case", ["jenkins/gated", "jenkins/plugin_1", "gitlab/blocked", "gitlab/long_description"])
async def test_what_asks_is_held(stage: Stage, case: str) -> None:
    """Of the senders Jenkins and GitLab ask to be held, and their gates wait when the reply arrives."""
    await send(stage, case)
    item = json.loads(sample(case))["deployments"][0]
    pipeline = quote(item["pipeline"]["id"], safe="")
    path = f"{SITE}/pipelines/{pipeline}/environments/{item['environment']['id']}"
    status = await stage.client("ci").get(f"{path}/deployments/{item['deploymentSequenceNumber']}/gating-status")
    assert (status.status_code, status.json()["gatingStatus"]) == (200, "awaiting")


def test_every_sample_has_a_note() -> None:
    """Every sample says where its shape is from, and that all in it is ours."""
    for case in CASES:
        note = " ".join((SAMPLES / case / "NOTE.md").read_text(encoding="utf-8").split())
        assert "Written by us after the public behaviour of" in note, case
        assert "made up" in note, case
