"""An app whose next child, once a file says so, never comes to life."""

from __future__ import annotations

import os
import time

from runtime.app import App

FILE = "HEADRACE_TEST_UNBORN"

app = App()


@app.job
def hello() -> str:
    return "hello"


def _hesitate() -> None:
    path = os.environ[FILE]
    if os.path.exists(path):
        os.unlink(path)
        time.sleep(600)


os.register_at_fork(after_in_child=_hesitate)
