"""The command line. Each command is written once, against the native API, wherever that is answered."""

from mitregate.cli.program import main

__all__ = ["main"]
