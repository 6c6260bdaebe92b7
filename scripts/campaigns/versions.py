"""Two versions of an app, as nodes serve them side by side during a deploy.

one: traced, lasting        two: traced, lasting, added
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from runtime import App, RunStopped, constant, current_job
from scripts.campaigns.app import note, traced


def _busy(path: str, seconds: float) -> int:
    return traced(path, seconds)


def _lasting(path: str, seconds: float, deaf: bool) -> int:
    """Sleep; a deaf one goes on when it is told to stop, until it is killed."""
    run = current_job()
    note(path, f"begun {run.id} {run.run_number}")
    end = time.perf_counter() + seconds
    while (left := end - time.perf_counter()) > 0:
        try:
            time.sleep(left)
        except RunStopped:
            if not deaf:
                raise
    note(path, f"ended {run.id} {run.run_number}")
    return run.run_number


def _app(handlers: Mapping[str, Callable[..., int]]) -> App:
    app = App("campaigns", max_crashes=1000)
    for kind, function in handlers.items():
        app.job(kind=kind, max_attempts=1000, backoff=constant(0.01))(function)
    return app


one = _app({"traced": _busy, "lasting": _lasting})
two = _app({"traced": _busy, "lasting": _lasting, "added": _busy})
# Import paths, in the order of the versions.
PATHS = ("scripts.campaigns.versions:one", "scripts.campaigns.versions:two")
