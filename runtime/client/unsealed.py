"""Jobs as they are shown by a client that has an app: with what was sealed opened.

Rule: a look never fails for what it looks at. What cannot be opened here stays in its envelope.
"""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec

from runtime.codec.envelope import KEY
from runtime.codec.sealer import Sealer
from runtime.errors import CodecError
from runtime.job import Job
from runtime.readable import readable


def unsealed(job: Job, sealer: Sealer) -> Job:
    """The job, with its args and output opened where these keys can."""
    opened = {
        field: _opened(field, value, job, sealer)
        for field in ("args", "output")
        if isinstance(value := getattr(job, field), dict) and KEY in value
    }
    return msgspec.structs.replace(job, **opened) if opened else job


def _opened(field: str, value: dict[str, Any], job: Job, sealer: Sealer) -> Any:
    with contextlib.suppress(CodecError):
        text = msgspec.json.encode(value).decode()
        return readable(sealer.unseal(field, text, job.kind, job.id))
    return value
