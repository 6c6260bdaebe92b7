"""The app of the campaign `clock`: traced jobs, which also say what time they believe it is."""

from __future__ import annotations

import time

from runtime import App, constant
from scripts.campaigns.app import note
from scripts.campaigns.app import traced as run_traced

app = App("campaigns", max_crashes=1000)

# Behind the name of the trace.
SEEN = "-clocks"


@app.job(max_attempts=1000, backoff=constant(0.01))
def traced(path: str, seconds: float) -> int:
    """As that of the other campaigns."""
    note(path + SEEN, f"{time.time()!r}")
    return run_traced(path, seconds)
