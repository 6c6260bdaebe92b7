"""Codecs: what lies between JSON and the database, for args and outputs: compression, encryption.

    JSON text ─▶ layer ─▶ layer ─▶ envelope, a JSON object     seal: where it is enqueued, or ends
    JSON text ◀─ layer ◀─ layer ◀─ envelope                    unseal: in the child, or the client

- `Compress`, `AesGcm`: the layers that we bring; `Codec` is what one of your own must be.
- `Sealer`: the layers of an app. The node has none: what it carries stays sealed.

Names are imported when they are first asked for: a child that needs none of them imports none.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runtime.codec.aesgcm import AesGcm as AesGcm
    from runtime.codec.compress import Compress as Compress
    from runtime.codec.sealer import Codec as Codec
    from runtime.codec.sealer import Sealer as Sealer

_MODULE_OF = {"AesGcm": "aesgcm", "Codec": "sealer", "Compress": "compress", "Sealer": "sealer"}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULE_OF])
