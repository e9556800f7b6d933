"""What may not be written: mocks, skips, half-done work, names that say nothing, addresses of one machine."""

import ast
import itertools
import json
import re
from collections.abc import Iterator

import pytest

from tests.house.sources import ROOT, Source, definitions, files, sources

EMPTY_ENDINGS = ("Manager", "Helper", "Helpers", "Util", "Utils", "Service", "Handler", "Impl")

OF_THE_DOMAIN = {"Service"}
"""Words that say something here: a service is what is deployed."""

# Put together here so that this file does not find itself.
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "NotImplemented" + "Error"]) + r")\b")

MOCKS = {"unittest.mock", "mock", "pytest_mock"}
PATCHES = re.compile(r"^(monkeypatch\.(setattr|delattr|setitem)|mocker\.\w+|mock\.\w+|patch|patch\.\w+)$")
SKIPS = re.compile(r"^(pytest\.(skip|xfail|importorskip|mark\.skip|mark\.skipif|mark\.xfail)|unittest\.skip\w*)$")

MAY_SKIP = "tests/clients/conftest.py"
"""Where Node is missing, outside CI: whoever works on Mitregate need not have it."""

# A lock file or a page that names a machine's own folders or registries works on that machine alone.
OF_ONE_MACHINE = re.compile(r"--(extra-)?index-url[ =]\S+|--find-links[ =]\S+|\.\./[s]hared")


OURS = (".ci", "benchmarks", "docs", "news", "scripts", "src", "tests")
BINARY = {".gif", ".ico", ".jpg", ".png", ".pyc", ".woff2"}


def uses(source: Source, pattern: re.Pattern[str]) -> Iterator[str]:
    """List where *source* mentions a dotted name that *pattern* matches."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute | ast.Name) and pattern.match(ast.unparse(node)):
            yield f"{source.name}:{node.lineno} {ast.unparse(node)}"


def imported(source: Source) -> Iterator[str]:
    """List the modules that *source* imports."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_nothing_is_mocked() -> None:
    """No test imports a mocking library or patches an object: fakes with memory are passed in."""
    tests = sources("tests", "benchmarks")
    assert [source.name for source in tests if MOCKS & set(imported(source))] == []
    assert [use for source in tests for use in uses(source, PATCHES)] == []


def test_nothing_is_skipped() -> None:
    """No test may be skipped or expected to fail, but those that drive clients in Node where there is none."""
    skipping = [source for source in sources("tests") if list(uses(source, SKIPS))]
    assert [source.name for source in skipping] == [MAY_SKIP]
    assert len(list(uses(skipping[0], SKIPS))) == 1


def test_nothing_is_half_done() -> None:
    """No source says that something is still to do."""
    assert [
        f"{source.name}:{number} {line.strip()}"
        for source in sources()
        for number, line in enumerate(source.text.splitlines(), start=1)
        if UNFINISHED.search(line)
    ] == []


def test_names_say_something() -> None:
    """No class is called a manager, a helper or the like."""
    classes = [named for source in sources() for named in definitions(source) if isinstance(named.node, ast.ClassDef)]
    assert classes
    saying_nothing = [named for named in classes if named.node.name.endswith(EMPTY_ENDINGS)]
    assert [named.place for named in saying_nothing if named.node.name not in OF_THE_DOMAIN] == []


def test_the_lock_of_npm_names_no_registry() -> None:
    """What npm installs is pinned by version and hash, each package, and comes from whatever registry it is set to."""
    lock = json.loads((ROOT / "tests/clients/package-lock.json").read_text(encoding="utf-8"))
    packages = {path: entry for path, entry in lock["packages"].items() if path}
    assert packages
    assert [path for path, entry in packages.items() if not {"version", "integrity"} <= set(entry)] == []
    assert [path for path, entry in packages.items() if "resolved" in entry] == []
    wanted = lock["packages"][""]["dependencies"].values()
    assert [version for version in wanted if not re.fullmatch(r"(npm:[^@]+@)?\d+\.\d+\.\d+", version)] == []


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_locks_hold_names_versions_and_hashes(lock: str) -> None:
    """A lock file pins every package by version and hash, and names no registry and no folder."""
    entries = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", "").splitlines()
    assert entries
    shape = re.compile(r"[a-z0-9][a-z0-9._-]*==[^\s;]+( ; [^@]+?)?(\s+--hash=sha256:[0-9a-f]{64})+")
    assert [entry for entry in entries if not shape.fullmatch(entry)] == []


def test_no_file_belongs_to_one_machine() -> None:
    """No file of ours points at a registry or a folder outside the repository."""
    at_root = [path for path in sorted(ROOT.iterdir()) if path.is_file()]
    ours = [*at_root, *itertools.chain.from_iterable(map(files, OURS))]
    assert ours
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in ours
        if path.suffix not in BINARY
        for match in OF_ONE_MACHINE.finditer(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert found == []
