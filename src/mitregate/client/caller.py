"""What one app says to one site: every operation as a dialogue, with no socket, clock or sleep in it.

`Client` and `AsyncClient` perform these dialogues; so can anything else that can make an HTTP request and wait.
"""

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import assert_never
from urllib.parse import quote, urlencode

from msgspec.structs import replace

from mitregate.client.errors import StillAwaiting
from mitregate.client.proofs import AccessToken, Bearer, ConnectJWT, OAuth, Proof, life_of, token_request
from mitregate.client.replies import decoded, error_of, is_success
from mitregate.client.retries import ONCE, Dialogue, Pause, Retries, Surroundings, asked_for, persist, spread
from mitregate.client.sites import ATLASSIAN, Site
from mitregate.client.values import Deployment, GatingState, Key, Outcome, Submitted, write_body
from mitregate.core.errors import Malformed, Misconfigured, MitregateError, Unknown, Unproven, Unsettled
from mitregate.wire.connect_hash import query_hash
from mitregate.wire.http import Reply, Request

FIRST_POLL = 0.5
"""Seconds after which a gating status is asked for the second time; from then on the pauses double."""

PATH = re.compile(r"/[!-~]*")

SENDABLE = re.compile(r"[ -~]+")


class Caller:
    """One app at one site; it remembers its access token."""

    def __init__(self, site: Site, proof: Proof | None, retries: Retries, around: Surroundings) -> None:
        """Know where to call, how to prove who calls, when to try again, and the world.

        Raises:
            Misconfigured: this kind of proof is not taken there.
        """
        if isinstance(proof, OAuth) and site.tokens is None:
            message = f"{site.base} gives no OAuth tokens."
            raise Misconfigured(message, advice="With OAuth credentials use Site.jira_cloud; here, ConnectJWT.")
        if isinstance(proof, ConnectJWT) and site.base == ATLASSIAN:
            message = f"{ATLASSIAN} takes no tokens that Connect apps sign."
            raise Misconfigured(message, advice="With ConnectJWT use Site.jira and the address of the site itself.")
        self.token_url = site.base + (site.tokens or "")
        self._site = site
        self._proof = proof
        self._retries = retries
        self._around = around
        self._token: str | None = None
        self._good_until = 0.0

    # --- the operations ---

    def submit(
        self, submitted: Submitted, properties: Mapping[str, str] | None, product: str | None
    ) -> Dialogue[Outcome]:
        """Submit deployments; done twice, it is the same as done once, for only a higher update number counts."""
        reply = yield from self._call("POST", "/bulk", body=write_body(submitted, properties, product))
        return decoded(reply, Outcome)

    def read(self, key: Key) -> Dialogue[Deployment]:
        """Read a deployment."""
        return decoded((yield from self._call("GET", path_of(key))), Deployment)

    def delete(self, key: Key) -> Dialogue[None]:
        """Delete a deployment."""
        _check((yield from self._call("DELETE", path_of(key))))

    def delete_by_properties(self, properties: Mapping[str, str]) -> Dialogue[None]:
        """Delete the deployments that were submitted with all of *properties*."""
        if not properties:
            raise Malformed("No property is given, so nothing is deleted.", advice="Give at least one.")
        _check((yield from self._call("DELETE", f"/bulkByProperties?{urlencode(properties, quote_via=quote)}")))

    def gating_status(self, key: Key) -> Dialogue[GatingState]:
        """Ask whether a deployment may go on."""
        return (yield from self._gating_status(key, self._retries))

    def wait(self, key: Key, timeout: float, poll_every: float) -> Dialogue[GatingState]:
        """Ask again and again until it is decided, or *timeout* seconds are over."""
        began = self._around.elapsed()
        polls = _rising(FIRST_POLL, poll_every)
        state: GatingState | None = None
        while True:
            trouble: MitregateError | None = None
            try:
                state = yield from self._gating_status(key, ONCE)
            except Unsettled as error:
                trouble = error
            except Unknown as error:
                if state is not None or self._around.elapsed() - began >= self._site.lag:
                    raise
                trouble = error
            if state is not None and not state.is_awaiting:
                return state
            left = began + timeout - self._around.elapsed()
            if left <= 0 or asked_for(trouble) >= left:
                raise _time_is_over(key, timeout, state, trouble) from trouble
            pause = max(asked_for(trouble), spread(next(polls), self._retries.spread, self._around))
            yield Pause(seconds=min(pause, left), because=trouble)

    def send(self, request: Request, retries: Retries) -> Dialogue[Reply]:
        """Send a request whose URL is a path below the site's base."""
        # Behind the base, `@elsewhere` or `.elsewhere` would be another host, which would be given our proof.
        if not PATH.fullmatch(request.url):
            message = f"{request.url!r} is not a path in plain ASCII."
            raise Malformed(
                message, advice="Begin it with a slash, for the site is known, and percent-encode the rest."
            )
        return (yield from self._exchange(request, retries))

    # --- what they are made of ---

    def _gating_status(self, key: Key, retries: Retries) -> Dialogue[GatingState]:
        reply = yield from self._call("GET", f"{path_of(key)}/gating-status", retries=retries)
        return decoded(reply, GatingState)

    def _call(self, method: str, path: str, *, body: bytes = b"", retries: Retries | None = None) -> Dialogue[Reply]:
        headers = {"accept": "application/json"} | ({"content-type": "application/json"} if body else {})
        request = Request(method=method, url=self._site.deployments + path, headers=headers, body=body)
        return (yield from self._exchange(request, self._retries if retries is None else retries))

    def _exchange(self, request: Request, retries: Retries) -> Dialogue[Reply]:
        """Make a request to a path at the site, with the proof that is asked for there."""
        match self._proof:
            case None:
                return (yield from self._persist(lambda: self._addressed(request), retries))
            case Bearer(token=token):
                return (yield from self._persist(lambda: self._addressed(request, f"Bearer {token}"), retries))
            case ConnectJWT() as app:
                return (yield from self._persist(lambda: self._addressed(request, self._signed(app, request)), retries))
            case OAuth() as oauth:
                return (yield from self._with_token(oauth, request, retries))
            case _ as never:
                assert_never(never)

    def _with_token(self, oauth: OAuth, request: Request, retries: Retries) -> Dialogue[Reply]:
        token = yield from self._log_in(oauth, None, retries)
        reply = yield from self._persist(lambda: self._addressed(request, f"Bearer {token}"), retries)
        if reply.status != 401:
            return reply
        renewed = yield from self._log_in(oauth, token, retries)
        return (yield from self._persist(lambda: self._addressed(request, f"Bearer {renewed}"), retries))

    def _log_in(self, oauth: OAuth, refused: str | None, retries: Retries) -> Dialogue[str]:
        """Give an access token that is good for a while yet and was not *refused*; get one if need be."""
        if self._token is not None and self._token != refused and self._around.elapsed() < self._good_until:
            return self._token
        request = token_request(self.token_url, oauth)
        reply = yield from self._persist(lambda: request, retries)
        if reply.status == 404:
            raise Misconfigured(f"No tokens are given at {request.url}.", advice="Check the address of the site.")
        access = decoded(reply, AccessToken)
        self._token = access.access_token
        self._good_until = self._around.elapsed() + life_of(access)
        return access.access_token

    def _persist(self, prepare: Callable[[], Request], retries: Retries) -> Dialogue[Reply]:
        return persist(prepare, retries, self._around)

    def _addressed(self, request: Request, authorization: str | None = None) -> Request:
        headers = dict(request.headers)
        if authorization is not None:
            if not SENDABLE.fullmatch(authorization):
                message = "The token or key has characters in it that cannot be sent."
                raise Unproven(message, advice="Look for a line break at its end.")
            headers["authorization"] = authorization
        return replace(request, url=self._site.base + request.url, headers=headers)

    def _signed(self, app: ConnectJWT, request: Request) -> str:
        from mitregate.wire.connect_jwt import sign  # noqa: PLC0415  takes time to load, and most have no use for it

        path, _, query = request.url.partition("?")
        hashed = query_hash(request.method, path, query)
        return f"JWT {sign(app.shared_secret, issuer=app.app_key, now=self._around.now(), query_hash=hashed)}"


def path_of(key: Key) -> str:
    """Write the path of a deployment; ids may hold slashes, spaces and anything else."""
    pipeline, environment = quote(key.pipeline_id, safe=""), quote(key.environment_id, safe="")
    return f"/pipelines/{pipeline}/environments/{environment}/deployments/{key.deployment_sequence_number}"


def _check(reply: Reply) -> None:
    if not is_success(reply):
        raise error_of(reply)


def _rising(first: float, most: float) -> Iterator[float]:
    return (min(first * 2 ** min(step, 32), most) for step in itertools.count())


def _time_is_over(key: Key, timeout: float, state: GatingState | None, trouble: MitregateError | None) -> StillAwaiting:
    if trouble is None:
        return StillAwaiting(f"{key} is still awaiting after {timeout:g} s.", state=state)
    message = f"Whether {key} may go on could not be learned within {timeout:g} s: {trouble.message}"
    return StillAwaiting(message, advice=trouble.advice(), state=state)
