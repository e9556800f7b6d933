"""A browser without eyes: follows no redirects, keeps cookies, and sends forms as the pages give them."""

from html.parser import HTMLParser
from typing import Any

import httpx
from typing_extensions import override

from tests.web.stage import BASE_URL, Stage

FROM_HERE = {"origin": BASE_URL, "sec-fetch-site": "same-origin"}


class Page(HTMLParser):
    """What a page consists of: its elements, its text, and its forms by where they go."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.text = ""
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.forms: dict[str, dict[str, str]] = {}
        self._form: dict[str, str] = {}
        self.feed(html)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append((tag, given))
        if tag == "form":
            self._form = {}
            self.forms[given["action"]] = self._form
        elif tag in {"input", "textarea"}:
            self._form[given["name"]] = given.get("value", "")
        elif tag == "button" and "formaction" in given:
            self.forms[given["formaction"]] = self._form

    @override
    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def links(self) -> list[str]:
        """Where the page's links lead."""
        return [given["href"] for tag, given in self.tags if tag == "a" and "href" in given]


class Browser:
    """Somebody who looks at pages and sends their forms."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.client: httpx.AsyncClient = stage.client()

    async def sign_in(self, who: str) -> None:
        """Sign in as the user *who*."""
        reply = await self.send("/login", "/login", token=self.stage.tokens[who])
        assert reply.status_code == 303, reply.text

    async def see(self, path: str, status: int = 200) -> Page:
        """Look at a page."""
        reply = await self.client.get(path)
        assert reply.status_code == status, reply.text
        assert reply.headers["content-type"].startswith("text/html")
        return Page(reply.text)

    async def send(self, path: str, action: str, **fields: str) -> httpx.Response:
        """Fill in the form on the page *path* that goes to *action*, and send it."""
        page = await self.see(path)
        return await self.post(action, **page.forms[action] | fields)

    async def post(self, action: str, headers: Any = FROM_HERE, **fields: str) -> httpx.Response:
        """Send a form, wherever it is from."""
        return await self.client.post(action, data=fields, headers=headers)

    async def follow(self, reply: httpx.Response) -> Page:
        """Go where a reply leads."""
        assert reply.status_code == 303, reply.text
        return await self.see(reply.headers["location"])
