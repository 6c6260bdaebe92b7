"""The demo's workflow: the standard library, surveyed in child jobs on all cores, as a report that
somebody has to approve.

    list ─▶ map over shares ─▶ reduce ─▶ publish a draft ─▶ wait for a signal ─▶ sleep ─▶ publish

Its campaign of faults (`scripts/chaos workflow`) runs the same, with a trace of what was done.
"""

from __future__ import annotations

from runtime import App, Context, constant, current_job
from scripts.survey import library_report
from scripts.survey.library_report import Part, Report, Share

APPROVED = "approved"
DRAFT = "draft"
FINAL = "report"
SHARE_MODULES = 16

app = App("library", max_crashes=10_000)  # its campaign kills children from outside


@app.job(kind="survey_share", timeout=120, max_attempts=10_000, backoff=constant(0.02))
def survey_share(share: Share) -> Part:
    """Survey some modules."""
    return library_report.survey_share(share, str(current_job().id))


@app.workflow(kind="library_report", max_attempts=10_000, backoff=constant(0.02))
def library_report_of(
    ctx: Context,
    modules: int | None = None,
    share_modules: int = SHARE_MODULES,
    rest_seconds: float = 1.0,
    trace: str = "",
) -> Report:
    """Survey the library, have the draft approved, rest, and give out the report."""
    job = str(ctx.job.id)
    chosen = ctx.step("list", library_report.choose, modules, trace, job)
    shares = library_report.shares(chosen.modules, share_modules, trace)
    parts = ctx.map(survey_share, shares)
    report = ctx.step("reduce", library_report.reduce, parts, trace, job).report
    ctx.publish(DRAFT, report)
    report.approved_by = ctx.wait_signal(APPROVED)
    ctx.sleep(rest_seconds)
    ctx.publish(FINAL, report)
    return report
