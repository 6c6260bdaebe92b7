"""For the tests of programs that use Headrace. The pytest plugin `headrace` has these as fixtures.

- `perform`: run a handler here, once, without a database
- `assert_enqueued`, `refute_enqueued`: what was enqueued, seen through the test's own connection
- `drain`: run in this process whatever waits in a database
- `advance`, `travel_to`: let time pass in a database
- `Databases`: a server for tests, a migrated template in it, and copies of that
- `Kit`: all of these for one database; the fixture `headrace`

Names are imported when they are first asked for: pytest loads the plugin also where nobody uses it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runtime.testing.databases import Databases as Databases
    from runtime.testing.draining import Drained as Drained
    from runtime.testing.draining import drain as drain
    from runtime.testing.enqueued import Enqueued as Enqueued
    from runtime.testing.enqueued import assert_enqueued as assert_enqueued
    from runtime.testing.enqueued import refute_enqueued as refute_enqueued
    from runtime.testing.kit import Kit as Kit
    from runtime.testing.performing import perform as perform
    from runtime.testing.travel import advance as advance
    from runtime.testing.travel import travel_to as travel_to

_NAMES = {
    "databases": ("Databases",),
    "draining": ("Drained", "drain"),
    "enqueued": ("Enqueued", "assert_enqueued", "refute_enqueued"),
    "kit": ("Kit",),
    "performing": ("perform",),
    "travel": ("advance", "travel_to"),
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULE_OF])
