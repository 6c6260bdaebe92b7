"""The handlers of the benches in an app whose import takes a second, as large libraries do."""

from __future__ import annotations

import time

from scripts.benches.app import app

IMPORT_SECONDS = 1.0

time.sleep(IMPORT_SECONDS)

__all__ = ["app"]
