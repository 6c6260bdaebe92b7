"""An app whose import starts a thread."""

import threading
import time

from tests.child.apps import app

threading.Thread(target=time.sleep, args=(600,), daemon=True).start()

__all__ = ["app"]
