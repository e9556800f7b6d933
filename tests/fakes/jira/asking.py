"""A caller that asks the fake in process, for the fake's own tests and for those who set a scene through its API."""

import base64
from typing import Any

import msgspec

from mitregate.wire.http import Reply, Request
from tests.fakes.jira.flavours import Flavour
from tests.fakes.jira.jira import FakeJira
from tests.fakes.jira.model import User


def proof(user: User, flavour: Flavour) -> str:
    """Write the header that proves a user: e-mail and token on Cloud, a personal access token on Data Center."""
    return basic(user.email, user.token) if flavour.is_cloud else f"Bearer {user.pat}"


def basic(name: str, word: str) -> str:
    """Write a header of basic authentication."""
    return "Basic " + base64.b64encode(f"{name}:{word}".encode()).decode()


class Caller:
    """Asks as a user; as a stranger without one. `reply` is what came last, `headers` go with each request."""

    def __init__(self, jira: FakeJira, user: str | None = "gate") -> None:
        self.jira = jira
        self.root = "https://jira.example.com"
        self.headers = {"x-experimentalapi": "opt-in"}
        self.reply = Reply(status=0)
        if user is not None:
            self.headers["authorization"] = proof(jira.site.users[user], jira.site.flavour)

    @property
    def api(self) -> str:
        """The newest version of the platform's API that there is."""
        return "/rest/api/3" if self.jira.site.flavour.is_cloud else "/rest/api/2"

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Send a request; gives the status and the JSON, or the text where it is none."""
        kind = {} if body is None else {"content-type": "application/json"}
        sent = b"" if body is None else msgspec.json.encode(body)
        where = path if path.startswith(("/rest/", "/ex/")) else f"{self.api}/{path}"
        request = Request(method=method, url=self.root + where, headers=self.headers | kind, body=sent)
        self.reply = self.jira.answer(request)
        try:
            return self.reply.status, msgspec.json.decode(self.reply.body) if self.reply.body else None
        except msgspec.DecodeError:
            return self.reply.status, self.reply.body.decode()

    def get(self, path: str) -> Any:
        """Read something that must be there."""
        status, said = self.ask("GET", path)
        assert status == 200, (status, said)
        return said

    def post(self, path: str, body: Any) -> Any:
        """Write something that must be taken."""
        status, said = self.ask("POST", path, body)
        assert status in {200, 201, 204}, (status, said)
        return said

    def request_change(self, title: str, **values: Any) -> str:
        """Ask the first desk for a change; gives its key."""
        project = next(iter(self.jira.site.projects.values()))
        form = project.request_types[0].id
        wish = {"serviceDeskId": project.desk_id, "requestTypeId": form}
        said = self.post("/rest/servicedeskapi/request", wish | {"requestFieldValues": {"summary": title, **values}})
        return str(said["issueKey"])

    def found(self, jql: str, *fields: str) -> list[str]:
        """Search; gives the keys of what was found, in order."""
        wish = {"jql": jql, "fields": ["key", *fields]}
        where = "search/jql" if self.jira.site.flavour.is_cloud else "search"
        return [hit["key"] for hit in self.post(where, wish)["issues"]]
