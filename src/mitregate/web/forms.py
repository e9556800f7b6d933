"""Forms: what the native API takes and gives as a whole document, in YAML or JSON."""

from dataclasses import dataclass

from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, Operation, RequestBody, Schema

from mitregate.core.errors import Malformed
from mitregate.web.counter import Asked

JSON, YAML = "application/json", "application/yaml"


def reading(title: str, description: str) -> type[Operation]:
    """Make what describes an operation that answers with such a document."""

    @dataclass
    class Reading(Operation):
        def __post_init__(self) -> None:
            """Put the two forms of the document in the place of what the framework makes of bytes."""
            found = (self.responses or {}).get("200")
            if isinstance(found, OpenAPIResponse):
                found.content = _content(title, description)

    return Reading


def writing(title: str, description: str, whole: str) -> type[Operation]:
    """Make what describes an operation that is sent such a document; *whole* says of it what is sent."""

    @dataclass
    class Writing(Operation):
        def __post_init__(self) -> None:
            """Add the body, which the framework knows nothing of."""
            self.request_body = RequestBody(content=_content(title, description), description=whole, required=True)

    return Writing


def wants_yaml(request: Asked) -> bool:
    """Tell whether an answer is wanted as YAML rather than as JSON."""
    return "yaml" in request.headers.get("accept", "")


def is_json(request: Asked, what: str) -> bool:
    """Tell whether what was sent is JSON rather than YAML; `Malformed` if it is not said."""
    kind = request.headers.get("content-type", "")
    if "json" not in kind and "yaml" not in kind:
        raise Malformed(f"The form of the {what} is not said.", advice=f"Send it as {YAML} or {JSON} in Content-Type.")
    return "json" in kind


def _content(title: str, description: str) -> dict[str, OpenAPIMediaType]:
    return {media: OpenAPIMediaType(schema=Schema(title=title, description=description)) for media in (JSON, YAML)}
