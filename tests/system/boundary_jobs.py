"""The workflows that are stopped at every boundary: the demo's, its async twin with a ledger, and
one of everything else that a context can do."""

from __future__ import annotations

from typing import Any

import psycopg

from runtime import Context, constant, current_job
from scripts.campaigns.workflow_app import ENTER, app, library_ledger
from scripts.survey.library_report import left
from scripts.survey.workflow_app import APPROVED, library_report_of, survey_share

__all__ = ["APPROVED", "app", "assorted", "double", "library_ledger", "library_report_of"]
__all__ += ["survey_share"]

_ENTRY = b"INSERT INTO public.ledger VALUES (%s, %s)"


@app.job(max_attempts=1000, backoff=constant(0.02))
def double(number: int) -> int:
    return 2 * number


def done(trace: str, job: str, step: str) -> dict[str, str]:
    return {"token": left(trace, job, step)}


def enter(conn: psycopg.Connection[Any], trace: str, job: str) -> dict[str, str]:
    token = left(trace, job, ENTER)
    conn.execute(_ENTRY, (job, token))
    return {"token": token}


@app.workflow(max_attempts=1000, backoff=constant(0.02))
def assorted(ctx: Context, trace: str, url: str) -> dict[str, Any]:
    """It returns the same for all jobs; what must be the same at each replay is compared."""
    job = str(current_job().id)
    number, at, dice = ctx.uuid(), ctx.now(), ctx.random().random()
    kept = ctx.step("keep", lambda: [str(number), at.isoformat(), dice])

    def branch(name: str) -> Any:
        def of(sub: Context) -> int:
            sub.step(f"{name}-one", done, trace, job, f"{name}-one")
            sub.sleep(0.2)
            sub.step(f"{name}-two", done, trace, job, f"{name}-two")
            return len(name)

        return of

    lengths = ctx.gather(branch("a"), branch("bb"))
    child = ctx.run(double, 21)
    with psycopg.connect(url, autocommit=True) as conn:
        ctx.transaction(ENTER, conn, enter, trace, job)
    ctx.step("last", done, trace, job, "last")
    same = kept == [str(number), at.isoformat(), dice]
    return {"same": same, "lengths": lengths, "child": child}
