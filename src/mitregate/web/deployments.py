"""The door of the Jira Deployments API, under all three path families, on the raw path.

https://developer.atlassian.com/cloud/jira/software/rest/api-group-deployments/. Plain ASGI, because tools poll here,
and because frameworks decode `%2F` before they route. Errors leave as Jira's bare array of messages.
"""

import secrets

import structlog

from mitregate.core.deployments import DeploymentKey
from mitregate.core.errors import MitregateError, TooLarge, Unknown
from mitregate.core.gates import Gate
from mitregate.core.people import Principal, Scope
from mitregate.flows import ask, withdraw
from mitregate.flows.act import BY_ITSELF
from mitregate.flows.settle import details, wake
from mitregate.flows.submit import submit
from mitregate.web import auth, plain
from mitregate.web.office import Office
from mitregate.web.problems import headers_of, message_of, status_of
from mitregate.wire.jira_deployments import read_properties, read_submission
from mitregate.wire.jira_replies import write_deployment, write_errors, write_gating_status, write_submission
from mitregate.wire.jira_routes import Operation, Target, WrongMethod, route

BODY_LIMIT = 8 * 1024 * 1024
"""Bytes in a submission, at most."""

SCOPE: dict[Operation, Scope] = {
    Operation.SUBMIT: Scope.WRITE,
    Operation.READ: Scope.READ,
    Operation.GATING_STATUS: Scope.READ,
    Operation.DELETE: Scope.DELETE,
    Operation.DELETE_BY_PROPERTIES: Scope.DELETE,
}
"""What each operation needs."""

log = structlog.get_logger()


class Deployments:
    """The five operations."""

    def __init__(self, office: Office) -> None:
        """Stand before *office*."""
        self._office = office

    async def __call__(self, scope: plain.Scope, receive: plain.Receive, send: plain.Send) -> None:
        """Answer one request."""
        try:
            await self._answer(scope, receive, send)
        except MitregateError as error:
            status = status_of(error)
            if status >= 500:
                log.warning("deployments.unsettled", error=type(error).__name__, detail=error.message)
            messages = [f"{message_of(error)} {error.advice()}"]
            await plain.reply(send, status, write_errors(messages), headers=headers_of(error))
        except Exception:
            trace_id = secrets.token_hex(8)
            log.exception("deployments.failed", trace_id=trace_id)
            await plain.reply(send, 500, write_errors(["Something went wrong in Mitregate."], trace_id))

    async def _answer(self, scope: plain.Scope, receive: plain.Receive, send: plain.Send) -> None:
        target = route(scope["method"], scope["raw_path"])
        if isinstance(target, WrongMethod):
            allowed = ", ".join(target.allowed)
            body = write_errors([f"The method {scope['method']} is not allowed here; allowed: {allowed}."])
            await plain.reply(send, 405, body, headers={"allow": allowed})
            return
        if target is None:
            message = "There is no such path in the Deployments API."
            raise Unknown(message, advice="The paths are …/bulk, …/bulkByProperties and …/pipelines/….")
        match target.operation:
            case Operation.GATING_STATUS:
                gate = await auth.enter(self._office, scope, lambda uow, who: ask.gate_of(uow, self._key(who, target)))
                if ask.is_overdue(gate, self._office.ports.now()):
                    await self._office.transact(BY_ITSELF, wake, gate)
                    gate = await self._office.read(ask.gate_of, gate.key)
                await plain.reply(send, 200, self._write(gate))
            case Operation.READ:
                found = await auth.enter(
                    self._office, scope, lambda uow, who: ask.deployment(uow, self._key(who, target))
                )
                await plain.reply(send, 200, write_deployment(found))
            case Operation.SUBMIT | Operation.DELETE | Operation.DELETE_BY_PROPERTIES:
                principal = await auth.identify(self._office, scope)
                await self._change(principal, target, scope, receive, send)

    async def _change(
        self, principal: Principal, target: Target, scope: plain.Scope, receive: plain.Receive, send: plain.Send
    ) -> None:
        app_id = self._admit(principal, target)
        if target.operation is Operation.SUBMIT:
            await self._submit(app_id, principal, receive, send)
            return
        if target.operation is Operation.DELETE:
            await self._office.transact(principal, withdraw.delete, self._key(principal, target))
        else:
            properties = read_properties(scope["query_string"])
            await self._office.transact(principal, withdraw.delete_by_properties, properties)
        await plain.reply(send, 202)

    async def _submit(self, app_id: str, principal: Principal, receive: plain.Receive, send: plain.Send) -> None:
        try:
            submission = read_submission(await plain.read_body(receive, BODY_LIMIT), app_id)
        except TooLarge as error:
            advice = "Send fewer deployments in each request."
            raise TooLarge(error.message, advice=advice) from error
        if submission.accepted:
            await self._office.transact(principal, submit, submission.accepted)
        await plain.reply(send, 202, write_submission(submission))

    def _write(self, gate: Gate) -> bytes:
        return write_gating_status(gate.key, gate.verdict.status, gate.since, details(self._office.ports, gate))

    def _key(self, principal: Principal, target: Target) -> DeploymentKey:
        return DeploymentKey(
            app_id=self._admit(principal, target),
            pipeline_id=target.pipeline_id,
            environment_id=target.environment_id,
            sequence_number=target.sequence_number,
        )

    def _admit(self, principal: Principal, target: Target) -> str:
        app_id = principal.require_scope(SCOPE[target.operation])
        if target.cloud_id is not None and target.cloud_id != self._office.about.cloud_id:
            message = f"There is no site with the cloud id {target.cloud_id!r} here."
            raise Unknown(message, advice="GET /_edge/tenant_info gives the cloud id of this one.")
        return app_id
