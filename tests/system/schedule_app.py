"""An app with schedules of its own, for the tests of the whole."""

from __future__ import annotations

from runtime import App, current_job, every

app = App("schedules")


@app.job(schedule=every(0.5, catch_up="all"))
def tick() -> str:
    """What it was made for."""
    return str(current_job().metadata["scheduled_for"])


@app.job
def late(number: int) -> int:
    return number
