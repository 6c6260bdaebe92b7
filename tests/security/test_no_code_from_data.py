"""What comes from the database is never run: no pickle, no eval, no SQL put together in Python."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.untraced

ROOT = Path(__file__).parents[2]

# These make objects, or code, of bytes. An app that exists only in memory reaches its own node's
# fork server that way, over a socketpair; that is the one use.
MAKERS = {"pickle", "cloudpickle", "dill", "marshal", "shelve", "code", "codeop", "runpy", "yaml"}
ALLOWED = {("runtime/child/loading.py", "pickle")}
CALLS = {"eval", "exec", "compile", "__import__"}
# A module is named by what an operator or our own code says, and these are all who do.
IMPORTERS = {
    "actors/__init__.py",  # names of its own
    "actors/store/bridge/thread.py",  # uvloop
    "runtime/__init__.py",  # names of its own
    "runtime/app.py",  # modules that the app names
    "runtime/child/loading.py",  # the app
    "runtime/cli/main.py",  # commands
    "runtime/client/__init__.py",  # names of its own
    "runtime/client/thread.py",  # uvloop
    "runtime/codec/__init__.py",  # names of its own
    "runtime/codec/aesgcm.py",  # cryptography
    "runtime/embedded/binaries.py",  # a wheel with PostgreSQL
    "runtime/testing/__init__.py",  # names of its own
}
# Methods of connections that take a statement first.
STATEMENT = {"execute", "executemany", "fetch", "fetchrow", "fetchval", "prepare", "cursor"}
# Methods that put text together.
MIXERS = {"format", "format_map", "join", "replace"}


@cache
def parsed() -> tuple[tuple[str, ast.Module], ...]:
    """Every file of the product, with its path."""
    paths = [path for top in ("runtime", "actors") for path in sorted((ROOT / top).rglob("*.py"))]
    return tuple((str(path.relative_to(ROOT)), ast.parse(path.read_text())) for path in paths)


def imported(tree: ast.Module) -> Iterator[str]:
    """The first parts of the names of all that a file imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def calls(tree: ast.Module) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def test_one_file_unpickles_and_none_that_reads_the_database() -> None:
    found = {(path, name) for path, tree in parsed() for name in imported(tree) if name in MAKERS}
    assert found == ALLOWED


def test_nothing_evaluates_text() -> None:
    for path, tree in parsed():
        named = {call.func.id for call in calls(tree) if isinstance(call.func, ast.Name)}
        assert not named & CALLS, path


def test_few_files_import_by_name_and_none_that_reads_the_database() -> None:
    found = {
        path
        for path, tree in parsed()
        for call in calls(tree)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "import_module"
    }
    assert found == IMPORTERS


def test_no_process_is_started_by_a_shell() -> None:
    for path, tree in parsed():
        for call in calls(tree):
            assert not any(word.arg == "shell" for word in call.keywords), path
            if isinstance(call.func, ast.Attribute):
                assert call.func.attr not in {"system", "popen", "getoutput"}, path


def test_no_statement_is_put_together_from_values() -> None:
    """SQL stands in schema/ alone (tests/test_sizes.py); here: what is sent is it, unchanged."""
    for path, tree in parsed():
        for call in calls(tree):
            if not (isinstance(call.func, ast.Attribute) and call.func.attr in STATEMENT):
                continue
            for statement in call.args[:1]:
                assert not isinstance(statement, ast.JoinedStr | ast.BinOp), path
                if isinstance(statement, ast.Call) and isinstance(statement.func, ast.Attribute):
                    assert statement.func.attr not in MIXERS, path
