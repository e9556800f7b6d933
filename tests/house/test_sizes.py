"""How long a file and a function may be."""

import ast
import statistics

from tests.house.sources import Named, definitions, sources, type_of_function

FILE_STOP = 330
FUNCTION_STOP = 50
FUNCTION_P90 = 25


def length(named: Named) -> int:
    """Count a function's lines from `def` to its end, the docstring apart: words may be as many as they need to be."""
    node = named.node
    whole = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node) is None:
        return whole
    said = node.body[0]
    return whole - ((said.end_lineno or said.lineno) - said.lineno + 1)


def functions(*trees: str) -> list[Named]:
    """List all functions and methods below *trees*."""
    return [
        named for source in sources(*trees) for named in definitions(source) if isinstance(named.node, type_of_function)
    ]


def test_files_stay_short() -> None:
    """No Python file is longer than 330 lines."""
    lengths = {source.name: source.text.count("\n") for source in sources()}
    assert lengths
    assert {name: lines for name, lines in lengths.items() if lines > FILE_STOP} == {}


def test_functions_stay_short() -> None:
    """No function is longer than 50 lines."""
    lengths = {named.place: length(named) for named in functions()}
    assert lengths
    assert {place: lines for place, lines in lengths.items() if lines > FUNCTION_STOP} == {}


def test_most_functions_are_shorter_still() -> None:
    """Nine of ten functions of the package have at most 25 lines."""
    assert statistics.quantiles(map(length, functions("src")), n=10)[-1] <= FUNCTION_P90
