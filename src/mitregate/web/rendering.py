"""Rendering: the pages' templates, what they can call, and the pages that say that something went wrong."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Response
from litestar.connection import Request
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Redirect, Template
from litestar.template import TemplateConfig
from markupsafe import Markup
from msgspec import Struct

from mitregate.core.asking import progress
from mitregate.core.gates import spell

HERE = Path(__file__).parent

SAID = {
    "approved": "Approved.",
    "declined": "Declined.",
    "moved": "The change was moved.",
    "retyped": "The change has another type now.",
    "planned": "The window was planned.",
    "commented": "Your comment was added.",
    "retried": "The delivery will be tried again at once.",
    "signed-out": "You are signed out.",
}
"""What a page can say about what was just done; only these words can be asked for."""

UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60))

CONTROL = frozenset(map(chr, (*range(0x20), 0x7F)))


class Message(Struct, frozen=True, kw_only=True):
    """What a page says that went wrong, and what to do."""

    status: int
    said: str
    advice: str
    change: str = ""
    """The path of the change whose form was refused, if it was one's."""

    @property
    def title(self) -> str:
        """The kind of problem in a word or two."""
        return HTTPStatus(self.status).phrase


def render(template: str, status: int = HTTPStatus.OK, **context: object) -> Template:
    """Render a page."""
    return Template(template, context=context, status_code=status, media_type=MediaType.HTML)


def render_message(message: Message, headers: dict[str, str]) -> Response[Any]:
    """Render the page that says what went wrong."""
    page = render("message.html", message.status, message=message, visitor=None)
    page.headers.update(headers)
    return page


def to_sign_in(request: Request[Any, Any, Any]) -> Response[Any]:
    """Send a visitor to the page for signing in, and from there back to the page asked for."""
    query = request.scope["query_string"].decode("latin-1")
    asked = request.scope["path"] + (f"?{query}" if query else "")
    back = asked if request.method == "GET" else "/"
    return Redirect(f"/login?next={quote(local(back), safe='/')}", status_code=303)


def go(path: str, said: str = "") -> Redirect:
    """Send the browser on after a form, to say there what was done: a key of `SAID`."""
    path = local(path)
    joint = "&" if "?" in path else "?"
    return Redirect(f"{path}{joint}said={said}" if said else path, status_code=303)


def local(path: str) -> str:
    """Give *path* if it leads to a page here, and the first page otherwise."""
    is_local = path.startswith("/") and not path.startswith("//") and "\\" not in path and not CONTROL & set(path)
    return path if is_local else "/"


def is_web_link(url: str) -> bool:
    """Tell whether a URL that somebody else gave may become a link: http and https only."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def show_time(instant: datetime) -> Markup:
    """Write an instant for people and for programs."""
    exact = instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return Markup('<time datetime="{}">{}</time>').format(exact, spell(instant.astimezone(UTC)))


def show_span(span: timedelta) -> str:
    """Write how long something has lasted, roughly."""
    seconds = span / timedelta(seconds=1)
    for unit, size in UNITS:
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "less than a minute"


def show_code(text: str) -> Markup:
    """Write a text of ours in which what is meant literally stands between backticks."""
    parts = text.split("`")
    parts[1::2] = [Markup("<code>{}</code>").format(part) for part in parts[1::2]]
    return Markup("").join(parts)


def field_time(instant: datetime | None) -> str:
    """Write an instant as the value of a form's field for date and time, in UTC."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S") if instant is not None else ""


def make_template_config(base_path: str) -> TemplateConfig[JinjaTemplateEngine]:
    """Make the template engine: everything is escaped, and a name that does not exist is an error.

    Args:
        base_path: what comes before every path in a link, as `root` in templates.
    """
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(time=show_time, progress=progress, span=show_span, code=show_code, field_time=field_time)
    environment.tests["web_link"] = is_web_link
    environment.globals["root"] = base_path
    return TemplateConfig(instance=JinjaTemplateEngine.from_environment(environment))
