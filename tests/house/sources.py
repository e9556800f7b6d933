"""The repository's own Python files, read as syntax trees, for the tests that hold them to the house rules."""

import ast
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
TREES = ("src", "tests", "benchmarks")

type_of_function = (ast.FunctionDef, ast.AsyncFunctionDef)


class Source(NamedTuple):
    """One Python file: where it lies below the root, what it says, and how it parses."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """The path below the repository's root, for messages."""
        return self.path.relative_to(ROOT).as_posix()


class Named(NamedTuple):
    """A class or function, with the file it stands in and its dotted name there."""

    source: Source
    name: str
    node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

    @property
    def place(self) -> str:
        """Where to look: file, line and name."""
        return f"{self.source.name}:{self.node.lineno} {self.name}"

    @property
    def is_public(self) -> bool:
        """No part of the dotted name is private; the magic methods are nobody's to explain."""
        return not any(part.startswith("_") for part in self.name.split("."))


def sources(*trees: str) -> list[Source]:
    """Read every Python file below *trees*, folders at the root; all of ours if none is named."""
    paths = (path for tree in trees or TREES for path in files(tree) if path.suffix == ".py")
    return [
        Source(path, path.read_text(encoding="utf-8"), ast.parse(path.read_text(encoding="utf-8"))) for path in paths
    ]


def files(tree: str) -> list[Path]:
    """List every file below *tree*, a folder at the root; what npm has installed is not ours."""
    found: list[Path] = []
    for folder, below, names in os.walk(ROOT / tree):
        below[:] = [name for name in below if name != "node_modules"]
        found += [Path(folder, name) for name in names]
    return sorted(found)


def definitions(source: Source) -> Iterator[Named]:
    """List every class and function of *source*, methods and nested ones included."""
    yield from _below(source, source.tree, "")


def is_test(named: Named) -> bool:
    """Tell whether pytest would run *named*."""
    return isinstance(named.node, type_of_function) and named.node.name.startswith("test_")


def _below(source: Source, node: ast.AST, prefix: str) -> Iterator[Named]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            # What stands inside a function is nobody's public name.
            hidden = "" if isinstance(child, ast.ClassDef) else "_."
            yield Named(source, prefix + child.name, child)
            yield from _below(source, child, f"{prefix}{child.name}.{hidden}")
        else:
            yield from _below(source, child, prefix)
