"""A request to Jira, read: who asks, through which version of the API, and what for."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from mitregate.wire.http import Reply
from tests.fakes.jira.fields import Taste
from tests.fakes.jira.model import Issue, Project, User
from tests.fakes.jira.refusals import NO_ISSUE, Refusal
from tests.fakes.jira.site import Site


class Call(Struct, frozen=True, kw_only=True):
    """A request, with the parts of its path that the route names."""

    site: Site
    user: User | None
    method: str
    path: str
    parts: dict[str, str]
    query: dict[str, list[str]]
    headers: dict[str, str]
    raw: bytes

    @property
    def version(self) -> str:
        """The version of the platform's API; the service desk's counts as 2."""
        wanted = self.parts.get("v", "2")
        return "2" if wanted == "latest" else wanted

    @property
    def taste(self) -> Taste:
        """In which form values come and go."""
        return Taste(
            is_cloud=self.site.flavour.is_cloud,
            has_documents=self.version == "3",
            site=self.site.url,
            reader=self.user,
            find_user=self.find_user,
            show_user=lambda id_: show_user(self.site, id_),
        )

    @property
    def asker(self) -> User:
        """Who asks, who must not be a stranger."""
        if self.user is not None:
            return self.user
        if self.site.flavour.is_cloud:
            raise Refusal(401, "Client must be authenticated to access this resource.", is_plain=True)
        raise Refusal(401, "You are not authenticated. Authentication required to perform this operation.")

    @property
    def body(self) -> dict[str, Any]:
        """The body, which must be a JSON object sent as such."""
        if not self.headers.get("content-type", "").startswith("application/json"):
            raise Refusal(415, "Unsupported Media Type")
        try:
            read = msgspec.json.decode(self.raw)
        except msgspec.DecodeError as error:
            raise Refusal(400, f"Unexpected character: {error}") from None
        if not isinstance(read, dict):
            raise Refusal(400, "Invalid request payload. Refer to the REST API documentation and try again.")
        return read

    def words(self, name: str) -> list[str]:
        """A list in the query: repeated, or with commas."""
        return [word for value in self.query.get(name, []) for word in value.split(",") if word]

    def said(self, name: str, default: str = "") -> str:
        """A value in the query."""
        return self.query.get(name, [default])[-1]

    def number(self, name: str, default: int) -> int:
        """A number in the query."""
        value = self.said(name, str(default))
        if not re.fullmatch(r"-?\d+", value):
            raise Refusal(404 if not self.site.flavour.is_cloud else 400, f"'{name}' must be an integer")
        return int(value)

    def find_user(self, value: dict[str, Any]) -> str | None:
        """Find the user that a reference means: by account id on Cloud, by name on Data Center."""
        for user in self.site.users.values():
            known = {"accountId": user.id, "id": user.id} if self.site.flavour.is_cloud else {"name": user.name}
            if any(value.get(name) == id_ for name, id_ in known.items()):
                return user.id
        return None

    def may(self, permission: str, project: str) -> bool:
        """Tell whether who asks has a permission in a project that can be seen."""
        user = self.user
        return user is not None and project not in user.hidden_projects and {"BROWSE_PROJECTS", permission} <= user.may

    def issue(self) -> Issue:
        """Find the issue that the path names, and that who asks may see."""
        issue = self.site.issue(self.parts["issue"])
        if issue is not None and self.may("BROWSE_PROJECTS", issue.project):
            return issue
        if self.site.flavour.is_cloud:
            raise Refusal(404, NO_ISSUE)
        if issue is None and self.user is not None:
            raise Refusal(404, "Issue Does Not Exist")
        if self.user is None:
            raise Refusal(401, "You do not have the permission to see the specified issue.", "Login Required")
        raise Refusal(403, "You do not have the permission to see the specified issue.")

    def project(self) -> Project:
        """Find the project that the path names, and that who asks may see."""
        wanted = self.parts["project"]
        for project in self.site.projects.values():
            if wanted.upper() in {project.key, project.id} and self.may("BROWSE_PROJECTS", project.key):
                return project
        raise Refusal(404, f"No project could be found with key '{wanted}'.")


Endpoint = Callable[[Call], Reply]


class Route(NamedTuple):
    """Where an endpoint is; `{name}` in the path stands for one part of it."""

    method: str
    path: str
    endpoint: Endpoint

    def match(self, path: str) -> dict[str, str] | None:
        """Read the parts of a path, None where it is another's."""
        shape = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(self.path))
        found = re.fullmatch(shape, path)
        return found.groupdict() if found else None


def show_user(site: Site, id_: str) -> dict[str, Any]:
    """Show a user as the platform does."""
    user = site.users.get(id_) or User(id=id_, name=id_, email="", display=id_.title())
    said: dict[str, Any] = {
        "displayName": user.display,
        "active": user.is_active,
        "timeZone": user.zone,
        "avatarUrls": {"48x48": f"{site.url}/secure/useravatar?avatarId=10122"},
    }
    if site.flavour.is_cloud:
        where = f"{site.url}/rest/api/3/user?accountId={user.id}"
        return {"self": where, "accountId": user.id, "accountType": "atlassian", **said}
    where = f"{site.url}/rest/api/2/user?username={user.name}"
    return {"self": where, "name": user.name, "key": f"JIRAUSER-{user.id}", "emailAddress": user.email, **said}
