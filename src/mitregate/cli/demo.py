"""The demo: the whole path of two deployments, played with a real server that is killed in between."""

import asyncio
import tempfile
from asyncio.subprocess import Process
from pathlib import Path

from mitregate.cli.change_records import Change
from mitregate.cli.demo_narrator import Narrator
from mitregate.cli.demo_payload import COMMITS, key_of, payload
from mitregate.cli.demo_sink import Sink
from mitregate.cli.demo_stage import Ended, Stage, Surprise
from mitregate.cli.desk import RemoteDesk, decoded, open_client
from mitregate.cli.exits import NO, OK
from mitregate.cli.gates import Deployment, find_gate
from mitregate.cli.options import AsJson
from mitregate.cli.records import Gate, NewApp
from mitregate.core.changes import Status

SOON = 10.0
"""Seconds within which a callback must have come."""

APPROVED, DECLINED = COMMITS


def demo(*, json: AsJson = False) -> int:
    """Play the whole path in this terminal: submit, wait, approve, allowed; with crashes in between.

    It starts a server of its own on a free port, in a folder that is removed afterwards. Ends with 1 if anything went
    otherwise than expected.
    """
    return asyncio.run(_play(Narrator(is_silent=json)))


async def _play(narrator: Narrator) -> int:
    with tempfile.TemporaryDirectory(prefix="mitregate-demo-") as folder:
        stage = Stage(Path(folder))
        surprise: Surprise | None = None
        try:
            async with Sink() as sink:
                await Demo(stage, sink, narrator).play()
        except Surprise as error:
            surprise = error
        finally:
            await stage.close()
        narrator.end(surprise, stage.last_words())
    return OK if surprise is None else NO


class Demo:
    """The story itself."""

    def __init__(self, stage: Stage, sink: Sink, narrator: Narrator) -> None:
        """Take the stage, the receiver of callbacks, and who tells the story."""
        self._stage = stage
        self._sink = sink
        self._tell = narrator
        self._updates = 0

    async def play(self) -> None:
        """Play all steps; `Surprise` if one of them goes otherwise than expected."""
        await self._serve()
        await self._add_app()
        self._tell.step("A pipeline wants to deploy to production, and asks to be gated")
        self._tell.say("The payload is shaped as GitLab's: a description of two lines, null where nothing is known.")
        gate = await self._submit(APPROVED)
        waiting = await self._begin_to_wait(gate)
        await self._crash("The server crashes while the deployment waits, and comes back")
        await self._expect_gate(gate, "awaiting")
        await self._approve(gate, waiting)
        await self._crash("The server crashes again; what was allowed stays allowed")
        await self._expect_gate(gate, "allowed")
        await self._deploy(gate)
        await self._decline()

    # --- the steps ---

    async def _serve(self) -> None:
        self._tell.step("A server starts, on an empty database")
        self._tell.command(("serve",))
        pid = await self._stage.start()
        self._tell.good(f"It serves at {self._stage.url}, as process {pid}.")

    async def _add_app(self) -> None:
        self._tell.step("The operator adds the CI/CD tool, which wants to be called back")
        added = await self._run("app", "add", "GitLab", "--callback", self._sink.url, "--json")
        app = decoded(added.out.encode(), NewApp)
        if app.signing_secret is None:
            raise Surprise("the app gets a secret that signs its callbacks", added.out)
        self._sink.secret = app.signing_secret
        self._stage.become_app(app.client_id, app.client_secret)
        self._tell.good("It gets a client id, a client secret, and a secret that signs its callbacks.")

    async def _submit(self, number: int) -> Gate:
        await self._update(number, "pending")
        key = key_of(number)
        where = ("--pipeline", key.pipeline_id, "--environment", key.environment_id, "--sequence", str(number))
        shown = await self._run("status", *where, by_app=True)
        self._tell.output(shown.out)
        gate = await self._gate(None, (key.pipeline_id, key.environment_id, number))
        if gate.gating_status != "awaiting" or not gate.reasons or gate.change_key is None:
            raise Surprise("the gate is awaiting, with its reasons and a change request", shown.out)
        self._tell.good(f"It is awaiting, says why, and {gate.change_key} was opened for it.")
        return gate

    async def _begin_to_wait(self, gate: Gate) -> Process:
        """Begin to wait as a pipeline would, in the background, and see that it does."""
        waiting = await self._begin("wait", gate.id, "--timeout", "60")
        first = await waiting.stderr.readline() if waiting.stderr is not None else b""
        if b"awaiting" not in first:
            raise Surprise("the waiting command says that the gate is awaiting", first.decode())
        self._tell.good("The pipeline waits.")
        return waiting

    async def _crash(self, title: str) -> None:
        self._tell.step(title)
        await self._stage.kill()
        pid = await self._stage.start()
        self._tell.good(f"The server was killed with kill -9, and serves again as process {pid}.")

    async def _approve(self, gate: Gate, waiting: Process) -> None:
        key = gate.change_key or ""
        self._tell.step(f"Somebody approves {key}")
        await self._run("change", "approve", key, "--comment", "Looks good, go ahead.")
        await self._expect_end(waiting, OK)
        await self._expect_poll(APPROVED, "allowed")
        await self._expect_callback(APPROVED, "allowed")

    async def _deploy(self, gate: Gate) -> None:
        self._tell.step("The pipeline deploys, and says so")
        await self._update(APPROVED, "in_progress")
        await self._update(APPROVED, "successful")
        found = decoded((await self._run("change", "show", gate.change_key or "", "--json")).out.encode(), Change)
        if found.status != Status.RESOLVED:
            raise Surprise(f"{found.key} is {Status.RESOLVED.value}", f"it is {found.status}")
        self._tell.good(f"{found.key} is {found.status}.")

    async def _decline(self) -> None:
        self._tell.step("The next deployment is declined")
        gate = await self._submit(DECLINED)
        waiting = await self._begin_to_wait(gate)
        await self._run("change", "decline", gate.change_key or "", "--comment", "Not on a Friday.")
        await self._expect_end(waiting, NO)
        await self._expect_poll(DECLINED, "prevented")
        await self._expect_callback(DECLINED, "prevented")

    # --- what the steps are made of ---

    async def _run(self, *arguments: str, by_app: bool = False) -> Ended:
        """Carry out a command, which must succeed."""
        self._tell.command(arguments)
        ended = await self._stage.run(*arguments, by_app=by_app)
        if ended.code != OK:
            raise Surprise("the command ends with 0", f"it ended with {ended.code}:\n{ended.out}{ended.err}")
        return ended

    async def _begin(self, *arguments: str) -> Process:
        self._tell.command(arguments, is_begun=True)
        return await self._stage.begin(*arguments, by_app=True)

    async def _update(self, number: int, state: str) -> None:
        """Submit a deployment, or an update of it, out of a file."""
        self._updates += 1
        file = f"{number}-{state}.json"
        self._stage.write(file, payload(number, self._updates, state))
        ended = await self._run("submit", "--file", file, by_app=True)
        self._tell.output(ended.out)

    async def _expect_gate(self, gate: Gate, status: str) -> None:
        found = await self._gate(gate.id, (None, None, None))
        if found.gating_status != status:
            raise Surprise(f"the gate is still {status}", f"it is {found.gating_status}: {found.why}")
        self._tell.good(f"The gate is still {status}: {found.why}")

    async def _gate(self, gate_id: str | None, deployment: Deployment) -> Gate:
        """Ask the server for a gate, as the app."""
        async with open_client(self._stage.app_settings) as client:
            desk = RemoteDesk(self._stage.app_settings, client)
            return decoded(await find_gate(desk, gate_id, deployment), Gate)

    async def _expect_end(self, waiting: Process, code: int) -> None:
        """See the command that waits end, with the code that tells its pipeline what to do."""
        ended = await self._stage.end(waiting)
        self._tell.say("Meanwhile, `wait` has said:")
        self._tell.output(ended.err + ended.out)
        if ended.code != code:
            raise Surprise(f"`wait` ends with {code}", f"it ended with {ended.code}")
        self._tell.good(
            f"`wait` has ended with {code}, which tells the pipeline to {'go on' if code == OK else 'stop'}."
        )

    async def _expect_poll(self, number: int, status: str) -> None:
        async with open_client(self._stage.app_settings) as client:
            found = await client.gating_status(key_of(number))
        if found.gating_status != status:
            raise Surprise(f"the poll says {status}", f"it says {found.gating_status}")
        self._tell.good(f"A poll of the gating status says {found.gating_status}.")

    async def _expect_callback(self, number: int, status: str) -> None:
        heard = await self._sink.hear(status, number, SOON)
        if heard is None:
            others = ", ".join([*(other.told.gating_status for other in self._sink.heard), *self._sink.doubts])
            raise Surprise(f"the callback tells {status}", f"none did in {SOON:g} s; heard: {others or 'nothing'}")
        self._tell.good(f"The callback says {status}; its signature is right ({heard.signature[:20]}…).")
