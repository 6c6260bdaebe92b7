"""The bars for size and form that hold for every file of the product; and where SQL may stand."""

import ast
import io
import re
import statistics
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.untraced

ROOT = Path(__file__).parents[1]

FILE_LINES = 400
FILE_LINES_MEDIAN = 150
FUNCTION_LINES = 60
FUNCTION_LINES_P90 = 25
FUNCTION_LINES_MEDIAN = 8

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

# What begins a statement of SQL, as it is never written in a message to people: with the word that
# follows it.
_SQL = re.compile(
    r"\b(?:SELECT\s+(?:\*|[\w.$]+\s*(?:,|\(|FROM\b))|INSERT\s+INTO\s|DELETE\s+FROM\s"
    r"|UPDATE\s+\w+\s+SET\b|(?:CREATE|ALTER|DROP)\s+(?:TABLE|INDEX|SCHEMA|FUNCTION|TYPE)\b)"
)

# These words say that something was left undone.
_UNDONE = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")


def product_files() -> list[Path]:
    return sorted(path for top in ("runtime", "actors", "scripts") for path in _files(ROOT / top))


def _files(top: Path) -> Iterator[Path]:
    return (path for path in top.rglob("*.py") if "__pycache__" not in path.parts)


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and length of each function, in lines, without its docstring."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, _FUNCTIONS):
            documented = len((ast.get_docstring(node, clean=False) or "").splitlines())
            assert node.end_lineno is not None
            yield (
                f"{path}:{node.lineno} {node.name}",
                node.end_lineno - node.lineno + 1 - documented,
            )


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of each string that is no docstring."""
    tree = ast.parse(path.read_text())
    documented = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef, ast.Module))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant))
    for node in constants:
        if isinstance(node.value, str) and id(node) not in documented:
            yield node.lineno, node.value


def comments(path: Path) -> Iterator[tuple[int, str]]:
    with io.BytesIO(path.read_bytes()) as source:
        for token in tokenize.tokenize(source.readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string


def test_no_file_is_long_and_most_are_short() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in product_files()}
    assert {path: length for path, length in lengths.items() if length > FILE_LINES} == {}
    assert statistics.median(lengths.values()) <= FILE_LINES_MEDIAN


def test_no_function_is_long_and_most_are_short() -> None:
    lengths = dict(each for path in product_files() for each in functions(path))
    assert {name: length for name, length in lengths.items() if length > FUNCTION_LINES} == {}
    assert statistics.quantiles(lengths.values(), n=10)[-1] <= FUNCTION_LINES_P90
    assert statistics.median(lengths.values()) <= FUNCTION_LINES_MEDIAN


def test_every_file_says_what_it_owns() -> None:
    silent = [
        path for path in product_files() if not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_no_file_has_a_name_that_says_nothing() -> None:
    names = {"utils", "helpers", "common", "manager", "base", "types", "misc"}
    assert [path for path in product_files() if path.stem in names] == []


def test_sql_stands_in_the_schema_alone() -> None:
    found = [
        f"{path}:{line} {text!r}"
        for path in product_files()
        for line, text in strings(path)
        if _SQL.search(text)
    ]
    assert found == []


def test_nothing_is_left_to_be_done() -> None:
    files = [*product_files(), *_files(ROOT / "tests")]
    found = [
        f"{path}:{line} {text}"
        for path in files
        for line, text in comments(path)
        if _UNDONE.search(text)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "is_sql"),
    [
        ("select all of these", False),
        ("SELECT 1", False),
        ("SELECT id FROM job", True),
        ("SELECT now()", True),
        ("UPDATE job SET state", True),
        ("DELETE FROM job", True),
        ("Update the table", False),
    ],
)
def test_sql_is_told_from_prose(text: str, is_sql: bool) -> None:
    assert bool(_SQL.search(text)) is is_sql
