"""jira.js from Python: a version of it, configured in one of the ways it has to prove who is calling."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from msgspec import Struct

from tests.acceptance.callers import App, Person
from tests.acceptance.house import Server
from tests.clients.programs import Program, Threw

Config = Mapping[str, Any]

PROPERTIES = {"accountId": "harbour-1", "createdBy": "ada"}
"""The only properties by which version 6 deletes."""


class Site(Struct, frozen=True, kw_only=True):
    """A server, somebody at it, an app with a token, and the key and the secret of a Connect app."""

    server: Server
    person: Person
    app: App
    connect: tuple[str, str]


class Client:
    """A jira.js of one version, configured in one way."""

    def __init__(self, program: Program, config: Config) -> None:
        self._program = program
        self._config = config

    def ask(self, operation: str, **parameters: Any) -> Any:
        """Carry out an operation; `Threw` if the client throws."""
        return self._program.call(operation, config=self._config, parameters=parameters)

    def submit(self, *deployments: Mapping[str, Any]) -> Any:
        """Submit deployments with `PROPERTIES`."""
        return self.ask("submit", deployments=deployments, properties=PROPERTIES)

    def refuses(self, operation: str, **parameters: Any) -> Threw:
        """Insist that the client throws."""
        with pytest.raises(Threw) as thrown:
            self.ask(operation, **parameters)
        return thrown.value


def key_of(wanted: Mapping[str, Any], spell: Callable[[str], str] = str) -> dict[str, Any]:
    """Name a deployment as both versions take it; *spell* writes the ids."""
    return {
        "pipelineId": spell(wanted["pipeline"]["id"]),
        "environmentId": spell(wanted["environment"]["id"]),
        "deploymentSequenceNumber": wanted["deploymentSequenceNumber"],
    }


# --- the ways to prove who is calling, as each version is configured for them ---


def with_token(version: str, url: str, token: str) -> Config:
    """Configure either version with a token as it is."""
    if version == "5":
        return {"host": url, "authentication": {"oauth2": {"accessToken": token}}}
    return {"host": url, "auth": {"type": "bearer", "token": token}}


def by_access_token(site: Site) -> Config:
    """Version 5 with an access token, sent to the host."""
    return with_token("5", site.server.url, site.app.token)


def by_client_secret(site: Site) -> Config:
    """Version 5 with client id and secret, where a person at Jira has an address and an API token."""
    made = site.app.made
    basic = {"email": made["clientId"], "apiToken": made["clientSecret"]}
    return {"host": site.server.url, "authentication": {"basic": basic}}


def by_signature(site: Site) -> Config:
    """Version 5 as a Connect app, which version 6 cannot be."""
    issuer, secret = site.connect
    return {"host": site.server.url, "authentication": {"jwt": {"issuer": issuer, "secret": secret}}}


def through_the_gateway(site: Site) -> Config:
    """Version 5 with an access token, sent to the gateway; axios' own way to send does not pass by `gateway.mjs`."""
    oauth2 = {"accessToken": site.app.token, "cloudId": site.app.made["cloudId"]}
    return {"authentication": {"oauth2": oauth2}, "baseRequestConfig": {"adapter": "fetch"}}


def by_the_address_of_the_site(site: Site) -> Config:
    """Version 5 with an access token, which looks up the cloud id of a site by its address."""
    oauth2 = {"accessToken": site.app.token, "siteUrl": site.server.url}
    return {"authentication": {"oauth2": oauth2}, "baseRequestConfig": {"adapter": "fetch"}}


def by_bearer(site: Site) -> Config:
    """Version 6 with an access token."""
    return with_token("6", site.server.url, site.app.token)


def by_bearer_provided(site: Site) -> Config:
    """Version 6 with a function that gives the access token."""
    return {"host": site.server.url, "auth": {"type": "bearer", "provided": site.app.token}}


def by_client_secret_and_address(site: Site) -> Config:
    """Version 6 as `by_client_secret`; it takes no user name but an e-mail address."""
    made = site.app.made
    basic = {"type": "basic", "email": f"{made['clientId']}@example.com", "apiToken": made["clientSecret"]}
    return {"host": site.server.url, "auth": basic}


def through_the_gateway_6(site: Site) -> Config:
    """Version 6 with an access token, sent to the gateway."""
    return {"auth": {"type": "oauth2", "accessToken": site.app.token, "cloudId": site.app.made["cloudId"]}}


def by_the_only_site(site: Site) -> Config:
    """Version 6 with an access token alone, of which it looks up the site."""
    return {"auth": {"type": "oauth2", "accessToken": site.app.token}}


WAYS: dict[str, tuple[Callable[[Site], Config], ...]] = {
    "5": (by_access_token, by_client_secret, by_signature, through_the_gateway, by_the_address_of_the_site),
    "6": (by_bearer, by_bearer_provided, by_client_secret_and_address, through_the_gateway_6, by_the_only_site),
}
