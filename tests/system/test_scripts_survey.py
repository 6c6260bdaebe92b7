"""The survey's pure half: what is measured, and that the demo does not call well what is not."""

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any
from uuid import UUID

import attrs
import msgspec
import pytest

from runtime import Step
from runtime.job import FailureRow, Job
from runtime.lifecycle import JobState
from scripts.survey import measure, modules
from scripts.survey.demo import make_work
from scripts.survey.findings import Findings
from scripts.survey.library_report import alone, shares, survey_share
from scripts.survey.serial import Serial
from scripts.survey.workflow_demo import Found

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "complexity", "nesting"),
    [
        ("pass", 1, 0),
        ("if a: pass\nelif b: pass\nelse: pass", 3, 2),
        ("for a in b:\n    while c: pass", 3, 2),
        ("return a and b and c or d", 4, 0),
        ("return [a for a in b if c if d]", 4, 0),
        ("try: pass\nexcept A: pass\nexcept B: pass", 3, 1),
        ("match a:\n    case 1: pass\n    case _: pass", 3, 1),
        ("return a if b else c", 2, 0),
    ],
)
def test_the_complexity_of_a_function_counts_its_branches(
    body: str, complexity: int, nesting: int
) -> None:
    lines = body.replace("\n", "\n    ")
    tree = ast.parse(f"def f():\n    {lines}\n")
    found = list(measure._functions([tree]))
    assert [(each["complexity"], each["nesting"]) for each in found] == [(complexity, nesting)]


def test_what_stands_in_an_inner_function_counts_there_alone() -> None:
    tree = ast.parse(
        dedent("""
            class A:
                def f(self):
                    def g():
                        if a: pass
                    class B:
                        async def h(self):
                            for a in b: pass
        """)
    )
    found = {each["function"]: each["complexity"] for each in measure._functions([tree])}
    assert found == {"A.f": 1, "A.f.g": 2, "A.f.B.h": 2}


def test_a_module_is_measured_and_compressed(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("def f(a):\n    return a if a else f(a)\n" * 100)
    found = measure.survey(tmp_path, "m.py")
    assert (found["lines"], found["functions"], found["complexity"]) == (200, 100, 200)
    assert found["compressed"] < found["size"] == 3800
    assert found["worst"] == {"function": "f", "line": 1, "complexity": 2, "nesting": 0}


def test_the_modules_are_many_have_no_tests_and_a_fixed_order() -> None:
    found = modules.modules()
    assert len(found) > 500
    assert found == modules.modules()
    assert not any("test" in Path(each).parts for each in found)
    assert modules.modules(7) == modules.modules(7)
    assert len(modules.modules(7)) == 7


def test_the_bad_jobs_are_among_the_first_and_ids_grow_in_their_order() -> None:
    work = make_work([f"m{number}.py" for number in range(16)])
    assert [job.kind for job in work.jobs[:6]] == [
        *["survey"] * 2,
        "never_returns",
        *["survey"] * 2,
        "segfaults",
    ]
    ids = [job.id for job in work.jobs]
    assert ids == sorted(ids)
    assert (work.stuck, work.crashed) == (work.jobs[2], work.jobs[5])


def failure(attempt: int, error_class: str, signal: str | None) -> FailureRow:
    return FailureRow(attempt, attempt, START, error_class, "why", "", "node", 7, None, signal)


def job(kind: str, state: JobState = JobState.COMPLETED, **given: Any) -> Job:
    values: dict[str, Any] = {
        "id": UUID(int=1),
        "kind": kind,
        "queue": "default",
        "state": state,
        "priority": 1,
        "attempt": 1,
        "max_attempts": 1,
        "run_number": 1,
        "created_at": START,
        "scheduled_at": START,
        "attempted_at": START + timedelta(seconds=1),
        "finalized_at": START + timedelta(seconds=4),
        "cancel_requested_at": None,
        "timeout_seconds": None,
        "node": None,
        "args": {},
        "output": None,
        "metadata": {},
        "tags": (),
    }
    return Job(**values | given)


def survey(module: str) -> Job:
    worst = {"function": "f", "line": 1, "complexity": 3, "nesting": 0}
    output = {"module": module, "complexity": 5, "compressed": 9, "cpu_seconds": 3.0}
    return job("survey", args={"module": module}, output=output | {"worst": worst, "lines": 2})


GOOD = Findings(
    jobs=(survey("a.py"), survey("b.py")),
    stuck=job("never_returns", JobState.DISCARDED, failures=(failure(1, "JobTimeout", "SIGKILL"),)),
    crashed=job(
        "segfaults",
        JobState.DISCARDED,
        failures=(failure(2, "ChildDied", "SIGSEGV"), failure(1, "ChildDied", "SIGSEGV")),
    ),
    serial=Serial(seconds=6.0, complexity=10, compressed=18),
    cores=2,
)


def test_the_figures_follow_from_the_rows() -> None:
    assert (GOOD.wall_seconds, GOOD.cpu_seconds) == (4.0, 6.0)
    assert (GOOD.busy_cores, GOOD.held_cores, GOOD.speed_up) == (1.5, 0.75, 1.5)
    assert GOOD.states == {JobState.COMPLETED: 2, JobState.DISCARDED: 2}
    assert [(found["module"], worst["complexity"]) for found, worst in GOOD.most_complex(1)] == [
        ("a.py", 3)
    ]


def with_job(name: str, **changes: Any) -> Findings:
    return with_value(name, msgspec.structs.replace(getattr(GOOD, name), **changes))


def with_value(name: str, value: Any) -> Findings:
    values = {each: getattr(GOOD, each) for each in ("jobs", "stuck", "crashed", "serial", "cores")}
    return Findings(**values | {name: value})


def test_all_that_ended_as_it_should_is_no_reason_to_complain() -> None:
    assert GOOD.complaints() == []


@pytest.mark.parametrize(
    ("findings", "complaint"),
    [
        (
            with_value("jobs", (msgspec.structs.replace(survey("a.py"), attempt=2),)),
            "the survey of a.py is completed, in attempt 2",
        ),
        (with_value("serial", Serial(seconds=1, complexity=1, compressed=1)), "the jobs came"),
        (with_job("stuck", state=JobState.COMPLETED), "never returns is completed"),
        (with_job("stuck", failures=(failure(1, "ValueError", None),)), "ValueError"),
        (with_job("crashed", failures=(failure(1, "ChildDied", "SIGSEGV"),)), "segfaults is"),
        (with_job("crashed", state=JobState.RETRYABLE), "segfaults is retryable"),
    ],
)
def test_whatever_ended_otherwise_is_told(findings: Findings, complaint: str) -> None:
    assert [complaint in told for told in findings.complaints()] == [True]


def test_a_report_does_not_depend_on_how_the_work_is_shared_out(tmp_path: Path) -> None:
    report = alone(4, 1, "x")
    assert report == alone(4, 3, "x")
    assert (report.modules, report.approved_by) == (4, "x")
    assert report.worst == sorted(report.worst, key=lambda each: -each.complexity)

    trace = tmp_path / "trace"
    parts = [survey_share(share, "job") for share in shares(modules.modules(4), 2, str(trace))]
    lines = [line.split() for line in trace.read_text().splitlines()]
    assert lines == [[part.token, "job", "batch"] for part in parts], "each left its own line"


def test_the_demo_of_a_workflow_does_not_call_well_what_is_not() -> None:
    report = alone(2, 1, "scripts/demo")
    serial = Serial(seconds=1.0, complexity=report.complexity, compressed=report.compressed)
    step = Step("3", "step", "reduce", True, None, None, None, 1, 1, None, None, None, START, START)
    row = job("library_report")
    found = Found(row, report, [step], False, serial)
    assert found.complaints() == []

    waits = msgspec.structs.replace(step, done=False)
    wrong = attrs.evolve(found, steps=[waits], twice=True, serial={**serial, "complexity": 1})
    assert len(wrong.complaints()) == 3
    assert len(attrs.evolve(found, report=alone(2, 1, "nobody")).complaints()) == 1
