"""The keys that sign installations, for apps to fetch: as Atlassian serves its own, and where GitLab asks for them.

A self-managed GitLab fetches keys from the instance that its setting `jira_connect_proxy_url` names. Each has a name of
its own for ever, so it may be kept.
"""

from mitregate.flows.install_keys import public_key
from mitregate.web import plain
from mitregate.web.jira_outcry import cry_out, write_text
from mitregate.web.office import Office

INSTALL_KEYS = "/connect/install-keys/"
"""What the path of a key begins with; its name follows."""

GITLAB_KEYS = "/-/jira_connect/public_keys/"
"""What it begins with where GitLab asks for it."""

FOLDERS = (INSTALL_KEYS.encode(), GITLAB_KEYS.encode())

HEADERS = {"cache-control": "public, max-age=86400", "x-content-type-options": "nosniff"}


class InstallKeys:
    """The door to the public halves, which is open to everybody."""

    def __init__(self, office: Office) -> None:
        """Stand before *office*."""
        self._office = office

    async def __call__(self, scope: plain.Scope, _receive: plain.Receive, send: plain.Send) -> None:
        """Answer one request; its path begins with one of `FOLDERS`."""
        if scope["method"] != "GET":
            await plain.reply_allowed(scope, send, ("GET",), b"Keys are fetched with GET.", plain.TEXT)
            return
        path: bytes = scope["raw_path"]
        kid = next(path.removeprefix(folder) for folder in FOLDERS if path.startswith(folder)).decode("latin-1")
        try:
            pem = await self._office.read(public_key, kid)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is answered
            await cry_out(send, error, write_text, plain.TEXT)
        else:
            await plain.reply(send, 200, pem.encode(), plain.TEXT, HEADERS)
