"""The work: read a module, tokenise it, parse it, measure it, compress it. All of it is CPU."""

from __future__ import annotations

import ast
import lzma
import time
import tokenize
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import TypedDict

# More gains nothing on files this small, and takes several times as long.
_PRESET = 3

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

# McCabe's number of a function is 1 and one more for each of these.
_BRANCHES = (
    ast.If,
    ast.IfExp,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.ExceptHandler,
    ast.comprehension,
    ast.match_case,
)
_BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.With, ast.AsyncWith, ast.Match)


class Complexity(TypedDict):
    """A function's."""

    function: str
    line: int
    complexity: int
    nesting: int


class Survey(TypedDict):
    """What was found in a module. Sizes in bytes, times in seconds."""

    module: str
    lines: int
    tokens: int
    names: int
    functions: int
    complexity: int
    worst: Complexity | None
    size: int
    compressed: int
    cpu_seconds: float


def survey(root: Path, module: str) -> Survey:
    """Survey the module at this path below `root`. Raises OSError, SyntaxError."""
    begun = time.process_time()
    source = (root / module).read_bytes()
    names, tokens = _words(source)
    found = list(_functions([ast.parse(source)]))
    compressed = len(lzma.compress(source, preset=_PRESET))
    return Survey(
        module=module,
        lines=source.count(b"\n"),
        tokens=tokens,
        names=names,
        functions=len(found),
        complexity=sum(each["complexity"] for each in found),
        worst=max(found, key=lambda each: each["complexity"], default=None),
        size=len(source),
        compressed=compressed,
        cpu_seconds=time.process_time() - begun,
    )


def _words(source: bytes) -> tuple[int, int]:
    """How many different names, and how many tokens."""
    names, count = set(), 0
    for token in tokenize.tokenize(BytesIO(source).readline):
        count += 1
        if token.type == tokenize.NAME:
            names.add(token.string)
    return len(names), count


def _functions(nodes: Iterable[ast.AST], path: str = "") -> Iterator[Complexity]:
    """Every function in these nodes; what stands in a function within it counts there alone."""
    for node in nodes:
        if isinstance(node, _FUNCTIONS):
            inner: list[ast.AST] = []
            branches, nesting = _weigh(node, inner)
            name = f"{path}{node.name}"
            yield Complexity(
                function=name, line=node.lineno, complexity=1 + branches, nesting=nesting
            )
            yield from _functions(inner, f"{name}.")
        else:
            named = f"{path}{node.name}." if isinstance(node, ast.ClassDef) else path
            yield from _functions(ast.iter_child_nodes(node), named)


def _weigh(node: ast.AST, inner: list[ast.AST]) -> tuple[int, int]:
    """The branches below this node, and how deep blocks stand within blocks there.

    Functions and classes met on the way are put in `inner`.
    """
    branches = deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (*_FUNCTIONS, ast.ClassDef)):
            inner.append(child)
            continue
        more, depth = _weigh(child, inner)
        branches += more + _branches(child)
        deepest = max(deepest, depth + isinstance(child, _BLOCKS))
    return branches, deepest


def _branches(node: ast.AST) -> int:
    if isinstance(node, ast.BoolOp):
        return len(node.values) - 1
    ifs = len(node.ifs) if isinstance(node, ast.comprehension) else 0
    return isinstance(node, _BRANCHES) + ifs
