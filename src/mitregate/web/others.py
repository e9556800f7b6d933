"""The door of all that Jira has and Mitregate has not: builds, development information, issues, users.

Tools that submit deployments often send builds as well, to the same address. They are told in so many words that these
are not taken, in the shape that they expect; a page or an error of the server's would make them retry, or fall over.
"""

from mitregate.core.errors import Forbidden, MitregateError, Unknown
from mitregate.web import badges, plain
from mitregate.web.jira_outcry import cry_out
from mitregate.web.office import Office
from mitregate.wire.jira_others import OtherApi, other_api, write_failure
from mitregate.wire.jira_replies import write_errors

ADVICE = "Mitregate takes deployments only; send the rest to Jira itself, or not at all."


class Others:
    """All APIs of Jira's that are not served."""

    def __init__(self, office: Office) -> None:
        """Stand before *office*."""
        self._office = office

    async def __call__(self, scope: plain.Scope, _receive: plain.Receive, send: plain.Send) -> None:
        """Refuse one request; its path is one that `other_api` knows."""
        api = other_api(scope["raw_path"]) or OtherApi()
        try:
            await badges.identify(self._office, scope)
            error: Exception = _refusal(api)
        except Exception as met:  # noqa: BLE001 - whatever it is, it is answered
            error = met
        await cry_out(send, error, write_failure if api.provided is None else write_errors)


def _refusal(api: OtherApi) -> MitregateError:
    """Say what Jira says: 403 to an app that has no module for what it provides, 404 where the platform has nothing."""
    if api.provided is None:
        return Unknown("This part of Jira's REST API is not served here.", advice=ADVICE)
    return Forbidden(f"This app may not provide {api.provided}.", advice=ADVICE)
