"""Every public name of the package says what it is, and every test which fact it proves."""

import ast

from tests.house.sources import definitions, is_test, sources

# Alembic finds a migration's two functions by their names; the file's docstring says what it does.
BY_CONVENTION = {"upgrade", "downgrade"}


def first_line(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Return the first line of a docstring, empty without one."""
    return (ast.get_docstring(node) or "").partition("\n")[0]


def test_modules_are_described() -> None:
    """Every module of the package opens with a docstring."""
    read = sources("src")
    assert read
    assert [source.name for source in read if not first_line(source.tree)] == []


def test_public_names_are_described() -> None:
    """Every public class, function and method of the package has a docstring."""
    public = [named for source in sources("src") for named in definitions(source) if named.is_public]
    assert public
    silent = [named.place for named in public if not first_line(named.node)]
    overrides = {named.place for named in public if says_override(named.node)}
    migrations = {named.place for named in public if "migrations" in named.source.name and named.name in BY_CONVENTION}
    assert sorted(set(silent) - overrides - migrations) == []


def test_tests_state_a_fact() -> None:
    """Every test has a docstring whose first line is a sentence."""
    tests = [named for source in sources("tests") for named in definitions(source) if is_test(named)]
    assert tests
    assert [named.place for named in tests if not first_line(named.node).endswith((".", "?", "!"))] == []


def says_override(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell whether a method is marked `@override`: it is described where it was declared first."""
    return any(ast.unparse(mark).rpartition(".")[2] == "override" for mark in node.decorator_list)
