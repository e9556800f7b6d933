"""What apps prove with who they are: an access token, client credentials, or a signature, as clients of Jira have them.

A signature of Connect (`Authorization: JWT …`, or `?jwt=…`) and client credentials (Basic) are good at the doors for
apps alone: people, and programs of theirs, are let in by `auth`, which knows neither.
"""

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import unquote_to_bytes

from mitregate.core.errors import Unproven
from mitregate.core.people import Principal
from mitregate.flows.install import settle_secret
from mitregate.flows.prove import AppProof, SignedRequest, prove, prove_client, prove_signature
from mitregate.ports import UnitOfWork
from mitregate.web import auth, plain
from mitregate.web.office import Office

T = TypeVar("T")

ADVICE = (
    "Send an access token of /oauth/token in the Authorization header, as `Bearer <token>`; a Connect app sends "
    "`JWT <token>` instead."
)

CHALLENGE = 'Bearer realm="mitregate", JWT realm="mitregate", Basic realm="mitregate"'
"""How an app may prove who it is, for the header WWW-Authenticate (RFC 9110 §11.6.1)."""


async def identify(office: Office, scope: plain.Scope) -> Principal:
    """Prove which app sends the request of *scope*, to change something.

    If what proved it is a secret of which it was not known whether the app took it, that is known from now on.

    Raises:
        Unproven: nothing was sent that proves it; the message says why.
        Forbidden: it is a Connect app that is disabled, or does not submit deployments.
        Malformed: path or query are not such that a signature could be compared.
    """
    proof = await office.store.read(_proof(office, scope))
    if proof.offered is not None:
        await office.transact(proof.principal, settle_secret, proof.principal.app_id or "", proof.offered)
    return proof.principal


async def enter(office: Office, scope: plain.Scope, ask: Callable[[UnitOfWork, Principal], T]) -> T:
    """Prove which app sends the request of *scope*, and read what it asks for, in one go; raises as `identify` does."""
    proof = _proof(office, scope)
    return await office.store.read(lambda uow: ask(uow, proof(uow).principal))


def _proof(office: Office, scope: plain.Scope) -> Callable[[UnitOfWork], AppProof]:
    """Choose how to prove who asks, by what was sent; whatever is proved is so inside the store."""
    if auth.PRINCIPAL_KEY in scope:
        local = AppProof(principal=scope[auth.PRINCIPAL_KEY])
        return lambda _: local
    origin = auth.origin_of(scope)
    scheme, credentials = auth.authorization(scope)
    match scheme.lower():
        case "bearer" if credentials:
            return lambda uow: AppProof(principal=prove(uow, credentials, office.ports.now(), origin))
        case "basic" if pair := auth.basic(credentials):
            # jira.js 6 takes an e-mail address for a name, and nothing else; no client id has an @ in it.
            client_id, secret = pair[0].partition("@")[0], pair[1]
            return lambda uow: AppProof(principal=prove_client(uow, client_id, secret, office.ports.now(), origin)[1])
        case "jwt" if credentials:
            return _signature(office, scope, credentials)
        case "" if token := _token_in(scope["query_string"]):
            return _signature(office, scope, token)
        case "":
            message = "No token was sent."
            raise Unproven(message, advice=ADVICE)
        case "bearer" | "basic" | "jwt":
            message = f"What follows {scheme!r} in the Authorization header cannot be read."
            raise Unproven(message, advice=ADVICE)
    raise auth.unaccepted(scheme, ADVICE)


def _signature(office: Office, scope: plain.Scope, token: str) -> Callable[[UnitOfWork], AppProof]:
    request = SignedRequest(
        token=token,
        method=scope[plain.METHOD if plain.METHOD in scope else "method"],  # as the caller has signed it
        raw_path=scope["raw_path"],
        query_string=scope["query_string"],
    )
    return lambda uow: prove_signature(uow, request, office.ports, auth.origin_of(scope))


def _token_in(query_string: bytes) -> str:
    """Read the parameter `jwt` of a query; empty if there is none."""
    values = (part.removeprefix(b"jwt=") for part in query_string.split(b"&") if part.startswith(b"jwt="))
    return unquote_to_bytes(next(values, b"")).decode("latin-1")
