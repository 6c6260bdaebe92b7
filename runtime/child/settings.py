"""What a node decides for all of its children. Data; crosses to the fork server."""

from __future__ import annotations

from typing import Literal

import msgspec

# The text of an error that is kept: enough for a deep traceback, little against a row.
TEXT_LIMIT_BYTES = 64 * 1024
# An output over this is refused and its job given up; see the payload guard.
OUTPUT_LIMIT_BYTES = 2 * 1024 * 1024


class ChildSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a node's children.

    Attributes:
        start_method: "fork" from the fork server with the app already imported (milliseconds), or
            "spawn": a fresh interpreter a child, for apps that do not survive a fork.
        workers: children that compute at the same time; each one's BLAS and OpenMP get
            cores / workers threads.
        memory_limit_bytes: address space of a child (RLIMIT_AS); beyond it handlers meet
            MemoryError. Counts virtual memory, the imported app's included. None: no limit.
        pin_cpus: tie each child for sync handlers to a core of its own.
        output_limit_bytes: the largest output, in bytes of JSON.
        text_limit_bytes: a failure's message and its trace are each cut to this size.
    """

    start_method: Literal["fork", "spawn"] = "fork"
    workers: int = 1
    memory_limit_bytes: int | None = None
    pin_cpus: bool = False
    output_limit_bytes: int = OUTPUT_LIMIT_BYTES
    text_limit_bytes: int = TEXT_LIMIT_BYTES
