"""The web-trigger: the one address that the Jenkins plugin 2.x sends everything to.

https://github.com/atlassian/jenkins-for-jira, `app/src/webtrigger`. Whatever is refused is answered in plain words with
a status of the four hundreds, for those alone the plugin shows to its user; it gives up after five seconds, tries again
after a status of the five hundreds, and fails the build's step on any other.
"""

import secrets
from typing import assert_never

import structlog

from mitregate.core.errors import Misconfigured, MitregateError, Unproven, Unsettled
from mitregate.core.people import Principal, Scope
from mitregate.flows import jenkins
from mitregate.flows.settle import details
from mitregate.flows.submit import submit
from mitregate.web import auth, plain
from mitregate.web.holding import up_to_date
from mitregate.web.office import Office
from mitregate.web.problems import headers_of, message_of, status_of
from mitregate.wire.jenkins import (
    SUCCESS,
    BuildEvent,
    DeploymentEvent,
    Ping,
    PluginConfig,
    StatusQuery,
    read_server,
)
from mitregate.wire.jenkins_builds import answer_builds
from mitregate.wire.jira_deployments import (
    read_submission,
    with_unknown_services,
    write_gating_status,
    write_submission,
)

BODY_LIMIT = 256 * 1024
"""Bytes in a request, at most: one deployment with hundreds of issues, wrapped twice. To prove a token takes time."""

TEXT = "text/plain; charset=utf-8"

log = structlog.get_logger()


class WebTrigger:
    """The door for all Jenkins servers; each has a `jenkins_server_uuid` of its own in the query."""

    def __init__(self, office: Office) -> None:
        """Stand before *office*."""
        self._office = office

    async def __call__(self, scope: plain.Scope, receive: plain.Receive, send: plain.Send) -> None:
        """Answer one request."""
        if scope["method"] != "POST":
            body = b"This is the webhook URL of the Jenkins plugin Atlassian Jira Software Cloud, which sends POST."
            await plain.reply_allowed(scope, send, ("POST",), body, TEXT)
            return
        try:
            status, body = await self._answer(scope, receive)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is answered
            await _refuse(send, error)
        else:
            await plain.reply(send, status, body)

    async def _answer(self, scope: plain.Scope, receive: plain.Receive) -> tuple[int, bytes]:
        server_uuid = read_server(scope["query_string"])
        token = (await plain.read_body(receive, BODY_LIMIT)).decode("latin-1").strip()
        origin, ports = auth.origin_of(scope), self._office.ports
        call = await self._office.store.read(lambda uow: jenkins.receive(uow, ports, server_uuid, token, origin))
        if call.renewed is not None:
            await self._office.transact(call.principal, jenkins.end_earlier_secrets, call.renewed)
        match call.message:
            case Ping():
                return 200, SUCCESS
            case PluginConfig(config=config):
                await self._office.transact(call.principal, jenkins.keep_config, config)
                return 200, SUCCESS
            case StatusQuery():
                return 200, await self._gating_status(call.principal, call.message)
            case DeploymentEvent(payload=payload):
                return 202, await self._submit(call.principal, server_uuid, payload)
            case BuildEvent(payload=payload):
                return 202, answer_builds(payload)
        assert_never(call.message)

    async def _gating_status(self, principal: Principal, query: StatusQuery) -> bytes:
        gate = await up_to_date(self._office, await self._office.read(jenkins.gate_of, principal, query))
        return write_gating_status(gate.key, gate.verdict.status, gate.since, details(self._office.ports, gate))

    async def _submit(self, principal: Principal, server_uuid: str, payload: bytes) -> bytes:
        submission = read_submission(payload, principal.require_scope(Scope.WRITE))
        if submission.accepted:
            told = jenkins.marked(submission.accepted, server_uuid, self._office.about.cloud_id)
            taken = await self._office.transact(principal, submit, told)
            submission = with_unknown_services(submission, taken.unknown_services)
            for gate in taken.contested:
                log.warning("gate.contested", gate=gate.id, app=principal.name, why=gate.verdict.reasons[0].message)
        return write_submission(submission)


async def _refuse(send: plain.Send, error: Exception) -> None:
    """Refuse in words; what only an operator can mend is told to the user too, who would else see a number."""
    if isinstance(error, MitregateError):
        status = 400 if isinstance(error, Unproven | Misconfigured) else status_of(error)
        log.warning("jenkins.refused", error=type(error).__name__, detail=error.message)
        body = f"{message_of(error)} {error.advice()}"
        headers = headers_of(error) if isinstance(error, Unsettled) else {}
        await plain.reply(send, status, body.encode(), TEXT, headers)
    else:
        trace_id = secrets.token_hex(8)
        log.error("jenkins.failed", trace_id=trace_id, exc_info=error)
        await plain.reply(send, 500, f"Something went wrong in Mitregate: {trace_id}.".encode(), TEXT)
