"""The door of the Jira Deployments API, under all three path families, on the raw path.

https://developer.atlassian.com/cloud/jira/software/rest/api-group-deployments/. Plain ASGI, because tools poll here,
and because frameworks decode `%2F` before they route. Errors leave as Jira's bare array of messages.
"""

from mitregate.core.deployments import DeploymentKey
from mitregate.core.errors import TooLarge, Unknown
from mitregate.core.gates import Gate
from mitregate.core.people import Principal, Scope
from mitregate.flows import ask, withdraw
from mitregate.flows.settle import details
from mitregate.flows.submit import submit
from mitregate.web import badges, plain
from mitregate.web.holding import up_to_date
from mitregate.web.jira_outcry import cry_out
from mitregate.web.office import Office
from mitregate.web.quota import Quota
from mitregate.wire.jira_deployments import read_properties, read_submission, with_unknown_services
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


class Deployments:
    """The five operations."""

    def __init__(self, office: Office, quota: Quota | None = None) -> None:
        """Stand before *office*, and hold each app to its *quota*, if there is one."""
        self._office = office
        self._quota = quota

    async def __call__(self, scope: plain.Scope, receive: plain.Receive, send: plain.Send) -> None:
        """Answer one request."""
        if self._quota is not None:
            send = self._quota.announced(scope, send)
        try:
            await self._answer(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is answered
            await cry_out(send, error, write_errors)

    async def _answer(self, scope: plain.Scope, receive: plain.Receive, send: plain.Send) -> None:
        target = route(scope["method"], scope["raw_path"])
        if isinstance(target, WrongMethod):
            message = f"The method {scope['method']} is not allowed here; allowed: {', '.join(target.allowed)}."
            await plain.reply_allowed(scope, send, target.allowed, write_errors([message]))
            return
        if target is None:
            message = "There is no such path in the Deployments API."
            raise Unknown(message, advice="The paths are …/bulk, …/bulkByProperties and …/pipelines/….")
        match target.operation:
            case Operation.GATING_STATUS:
                gate = await badges.enter(
                    self._office, scope, lambda uow, who: ask.gate_of(uow, self._key(who, target, scope))
                )
                await plain.reply(send, 200, self._write(await up_to_date(self._office, gate)))
            case Operation.READ:
                found = await badges.enter(
                    self._office, scope, lambda uow, who: ask.deployment(uow, self._key(who, target, scope))
                )
                await plain.reply(send, 200, write_deployment(found))
            case Operation.SUBMIT | Operation.DELETE | Operation.DELETE_BY_PROPERTIES:
                principal = await badges.identify(self._office, scope)
                await self._change(principal, target, scope, receive, send)

    async def _change(
        self, principal: Principal, target: Target, scope: plain.Scope, receive: plain.Receive, send: plain.Send
    ) -> None:
        app_id = self._admit(principal, target, scope)
        if target.operation is Operation.SUBMIT:
            await self._submit(app_id, principal, receive, send)
            return
        if target.operation is Operation.DELETE:
            await self._office.transact(principal, withdraw.delete, self._key(principal, target, scope))
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
            taken = await self._office.transact(principal, submit, submission.accepted)
            submission = with_unknown_services(submission, taken.unknown_services)
        await plain.reply(send, 202, write_submission(submission))

    def _write(self, gate: Gate) -> bytes:
        return write_gating_status(gate.key, gate.verdict.status, gate.since, details(self._office.ports, gate))

    def _key(self, principal: Principal, target: Target, scope: plain.Scope) -> DeploymentKey:
        return DeploymentKey(
            app_id=self._admit(principal, target, scope),
            pipeline_id=target.pipeline_id,
            environment_id=target.environment_id,
            sequence_number=target.sequence_number,
        )

    def _admit(self, principal: Principal, target: Target, scope: plain.Scope) -> str:
        if self._quota is not None and principal.app_id is not None:
            self._quota.take(scope, principal.app_id)
        app_id = principal.require_scope(SCOPE[target.operation])
        if target.cloud_id is not None and target.cloud_id != self._office.about.cloud_id:
            message = f"There is no site with the cloud id {target.cloud_id!r} here."
            raise Unknown(message, advice="GET /_edge/tenant_info gives the cloud id of this one.")
        return app_id
