"""Options that several commands share."""

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Write the result as JSON, and errors as JSON too.")]

Limit = Annotated[int, typer.Option(help="How many to show at most, the newest first.", min=1)]

Comment = Annotated[str | None, typer.Option(help="A comment that is kept with the change.")]

Pipeline = Annotated[str | None, typer.Option(help="The pipeline's id.")]

Environment = Annotated[str | None, typer.Option(help="The environment's id.")]

Sequence = Annotated[int | None, typer.Option(help="The deployment sequence number.")]
