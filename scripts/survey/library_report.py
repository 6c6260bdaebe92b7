"""What the demo's workflow does, without Headrace: lists, shares out, surveys, and adds up.

    chosen ─▶ shares ─▶ a part of each ─▶ report

Rule: the same modules give the same report, however they are shared out and how often a part of it
is done: so it has no times. Each of these functions, where it is given a `trace`, leaves a line in
that file, with a token of its own that stands in its result too: so it is seen what was done, how
often, and which of it was kept.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import uuid4

from scripts.survey.measure import Complexity, Survey, survey
from scripts.survey.modules import library, modules

MOST_COMPLEX = 5


@dataclass
class Chosen:
    """Which modules."""

    modules: list[str]
    token: str = ""


@dataclass
class Share:
    """Some modules, for one child job."""

    modules: list[str]
    trace: str = ""


@dataclass
class Complex:
    """A complex function."""

    module: str
    function: str
    line: int
    complexity: int


@dataclass
class Part:
    """What a share came to."""

    modules: int
    lines: int
    functions: int
    complexity: int
    size: int
    compressed: int
    worst: list[Complex]
    token: str = ""


@dataclass
class Report:
    """What all came to."""

    modules: int
    lines: int
    functions: int
    complexity: int
    size: int
    compressed: int
    worst: list[Complex]
    approved_by: str = ""


@dataclass
class Reduced:
    """The report, not yet approved."""

    report: Report
    token: str = ""


def choose(limit: int | None, trace: str = "", job: str = "") -> Chosen:
    """The library's modules, or so many of them."""
    return Chosen(modules(limit), left(trace, job, "list"))


def shares(chosen: Sequence[str], size: int, trace: str = "") -> list[Share]:
    """So many modules each."""
    return [
        Share(list(chosen[start : start + size]), trace) for start in range(0, len(chosen), size)
    ]


def survey_share(share: Share, job: str = "") -> Part:
    """Survey them; all of it is CPU."""
    root = library()
    found = [survey(root, module) for module in share.modules]
    token = left(share.trace, job, "batch")
    return Part(**_sums(found), worst=_worst(_complex(found)), token=token)


def _sums(found: Sequence[Survey]) -> dict[str, int]:
    return {
        "modules": len(found),
        "lines": sum(each["lines"] for each in found),
        "functions": sum(each["functions"] for each in found),
        "complexity": sum(each["complexity"] for each in found),
        "size": sum(each["size"] for each in found),
        "compressed": sum(each["compressed"] for each in found),
    }


def _complex(found: Sequence[Survey]) -> Iterator[Complex]:
    for each in found:
        worst: Complexity | None = each["worst"]
        if worst is not None:
            yield Complex(each["module"], worst["function"], worst["line"], worst["complexity"])


def _worst(found: Iterator[Complex] | Sequence[Complex]) -> list[Complex]:
    return sorted(found, key=lambda each: (-each.complexity, each.module))[:MOST_COMPLEX]


def reduce(parts: Sequence[Part], trace: str = "", job: str = "") -> Reduced:
    """Add them up."""
    report = Report(
        modules=sum(part.modules for part in parts),
        lines=sum(part.lines for part in parts),
        functions=sum(part.functions for part in parts),
        complexity=sum(part.complexity for part in parts),
        size=sum(part.size for part in parts),
        compressed=sum(part.compressed for part in parts),
        worst=_worst([each for part in parts for each in part.worst]),
    )
    return Reduced(report, left(trace, job, "reduce"))


def alone(limit: int | None, size: int, approved_by: str) -> Report:
    """The report, made in this process without Headrace: what every other must be."""
    parts = [survey_share(share) for share in shares(choose(limit).modules, size)]
    report = reduce(parts).report
    report.approved_by = approved_by
    return report


def left(trace: str, job: str, step: str) -> str:
    """Leave a line with a new token, which is returned; without a trace nothing, and "".

    The line is whole, or not there at all if we are killed.
    """
    if not trace:
        return ""
    token = uuid4().hex
    descriptor = os.open(trace, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, f"{token} {job} {step}\n".encode())
    finally:
        os.close(descriptor)
    return token
