"""The demo's workflow, and the same as an async one, with an entry in a ledger that is made in one
transaction with the step."""

from __future__ import annotations

from typing import Any

from runtime import AsyncContext, constant, sql
from scripts.benches.database import connect
from scripts.survey import library_report
from scripts.survey.library_report import Report, left
from scripts.survey.workflow_app import APPROVED, DRAFT, FINAL, app, survey_share

ENTER = "enter"

__all__ = ["app"]


@app.workflow(kind="library_ledger", max_attempts=10_000, backoff=constant(0.02))
async def library_ledger(
    ctx: AsyncContext,
    modules: int,
    share_modules: int,
    rest_seconds: float,
    trace: str,
    url: str,
) -> Report:
    """As `library_report_of`; before the report is given out, it is entered."""
    job = str(ctx.job.id)
    chosen = await ctx.step("list", library_report.choose, modules, trace, job)
    shares = library_report.shares(chosen.modules, share_modules, trace)
    parts = await ctx.map(survey_share, shares, max_in_flight=3)
    report = (await ctx.step("reduce", library_report.reduce, parts, trace, job)).report
    await ctx.publish(DRAFT, report)
    report.approved_by = await ctx.wait_signal(APPROVED)
    await ctx.sleep(rest_seconds)
    connection = await connect(url, "public")
    try:
        await ctx.transaction(ENTER, connection, enter, trace, job)
    finally:
        connection.terminate()
    await ctx.publish(FINAL, report)
    return report


async def enter(connection: Any, trace: str, job: str) -> dict[str, str]:
    """The entry. It is there if and only if its step is recorded."""
    token = left(trace, job, ENTER)
    await connection.execute(sql.load("chaos_ledger_enter"), job, token)
    return {"token": token}
