"""The program: all commands under one name, and how each of them ends."""

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.main import get_command

from mitregate import __version__
from mitregate.cli import (
    admission,
    calendars,
    declaring,
    demo,
    doctor,
    explaining,
    freezing,
    reviewing,
    ruling,
    serving,
    submitting,
    tracing,
    waiting,
)
from mitregate.cli.exits import INTERRUPTED, NOBODY_LISTENS, OK, complain, exit_code
from mitregate.cli.options import AsJson
from mitregate.cli.terminal import show, show_json
from mitregate.core.errors import Malformed, MitregateError

program = typer.Typer(
    name="mitregate",
    help="A deployment gate: holds a deployment until people and calendar allow it.",
    epilog="Exit codes: 0 done, 1 no, 2 the request is wrong, 3 the configuration is, 4 try again later.",
    rich_markup_mode=None,
)
program.add_typer(admission.apps, name="app")
program.add_typer(admission.users, name="user")
program.add_typer(admission.tokens, name="token")
program.add_typer(reviewing.changes, name="change")
program.add_typer(freezing.gates, name="gate")
program.add_typer(freezing.freezes, name="freeze")
program.add_typer(calendars.feeds, name="feed")
program.add_typer(calendars.calendar, name="calendar")
program.add_typer(ruling.rules, name="rules")
program.add_typer(tracing.deliveries, name="delivery")
program.add_typer(tracing.audit, name="audit")
# In the list of commands there is room for a few words each; None takes the first sentence as it is.
for command, words in (
    (serving.serve, "Serve the APIs and the pages, and do the worker's part."),
    (serving.worker, "Do the worker's part alone, beside processes that serve."),
    (serving.migrate, None),
    (submitting.submit, "Submit a deployment as an app; show its gating status."),
    (waiting.status, "Show which gates wait, why, and what would open them."),
    (waiting.wait, "Wait until a deployment is allowed or prevented."),
    (explaining.explain, "Explain why a deployment may start, waits or stopped."),
    (explaining.simulate, "Explain what would come of a deployment that is not there yet."),
    (declaring.apply, "Put the settings of a file in force, after showing what that changes."),
    (declaring.export, "Write the settings to standard output, as a file that `apply` takes."),
    (doctor.doctor, "Check this installation, and say what to put right."),
    (demo.demo, "Play the whole path in this terminal."),
):
    program.command(short_help=words)(command)


@program.callback(invoke_without_command=True)
def top(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
    json: AsJson = False,
) -> None:
    """A deployment gate: holds a deployment until people and calendar allow it."""
    if version:
        if json:
            show_json({"version": __version__})
        else:
            show(f"mitregate {__version__}")
        raise typer.Exit(OK)
    if context.invoked_subcommand is None:
        show(context.get_help())


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: its arguments, without the program's name; those of this process by default.

    Returns:
        The exit code.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in arguments
    try:
        ended = get_command(program).main(args=arguments, prog_name="mitregate", standalone_mode=False)
        sys.stdout.flush()
    except MitregateError as error:
        complain(error, as_json=as_json)
        return exit_code(error)
    except typer.TyperException as error:
        misused = _misused(error)
        complain(misused, as_json=as_json)
        return exit_code(misused)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        return _close_quietly()
    except SystemExit as leaving:
        # Typer sees to a broken pipe itself, if it breaks while a command runs, with another exit code.
        if not isinstance(leaving.__context__, BrokenPipeError):
            raise
        return _close_quietly()
    return ended if isinstance(ended, int) else OK


def _misused(error: typer.TyperException) -> Malformed:
    context: typer.Context | None = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "mitregate"
    words = error.format_message().replace("Value error, ", "")  # the parser's own name for the kind of fault
    return Malformed(words, advice=f"`{path} --help` shows how it is used.")


def _close_quietly() -> int:
    """Let go of a standard output that nobody reads any more, so that closing it at the end says nothing either."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return NOBODY_LISTENS
