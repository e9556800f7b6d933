"""The first set-up over the native API, and the probes."""

from mitregate.flows import admit
from tests.web.stage import ROOT, Stage


async def offered(stage: Stage) -> str:
    """The set-up token that the server offers while it has no user."""
    installation = await stage.office.transact(ROOT, admit.settle_in, offer_setup=True)
    assert installation.setup_token is not None
    return installation.setup_token


async def test_the_first_user_is_made_once(bare: Stage) -> None:
    """The set-up token makes one administrator with a working API token, and is then good for nothing."""
    token = await offered(bare)
    reply = await bare.client().post("/api/v1/setup", json={"token": token, "name": "Ann"})
    assert reply.status_code == 201
    made = reply.json()
    assert (made["user"]["name"], made["user"]["role"]) == ("Ann", "admin")
    bare.tokens["ann"] = made["token"]
    assert (await bare.client("ann").get("/api/v1/me")).json()["role"] == "admin"
    again = await bare.client().post("/api/v1/setup", json={"token": token, "name": "Eve"})
    assert again.status_code == 401


async def test_a_name_that_is_refused_does_not_use_up_the_token(bare: Stage) -> None:
    """Whoever gives no name is refused, and can use the token afterwards."""
    token = await offered(bare)
    assert (await bare.client().post("/api/v1/setup", json={"token": token, "name": " "})).status_code == 400
    assert (await bare.client().post("/api/v1/setup", json={"token": token, "name": "Ann"})).status_code == 201


async def test_guessing_is_told_to_stop(bare: Stage) -> None:
    """After ten wrong tokens an address is told to wait for a minute; the right token is let in all the same."""
    token = await offered(bare)
    client = bare.client()
    for _ in range(10):
        assert (await client.post("/api/v1/setup", json={"token": "mgsetup_x", "name": "Eve"})).status_code == 401
    refused = await client.post("/api/v1/setup", json={"token": "mgsetup_x", "name": "Eve"})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
    assert refused.json()["type"] == "urn:mitregate:problem:TooManyGuesses"
    assert (await client.post("/api/v1/setup", json={"token": token, "name": "Ann"})).status_code == 201


async def test_the_probes_answer_everybody(bare: Stage) -> None:
    """The process says that it is up, and that its database answers."""
    client = bare.client()
    assert (await client.get("/healthz")).json() == {"status": "up"}
    assert (await client.get("/readyz")).json() == {"status": "ready"}


async def test_a_server_without_its_database_is_not_ready(bare: Stage) -> None:
    """When the database is closed the server is up but not ready."""
    await bare.office.store.close()
    client = bare.client()
    assert (await client.get("/healthz")).status_code == 200
    reply = await client.get("/readyz")
    assert reply.status_code == 503
    assert reply.headers["retry-after"]
