"""An app whose import takes for ever."""

import time

time.sleep(600)
app = None
