"""A handler completes its job in a transaction of its own: the child's part of it.

    encode, seal, measure ─▶ tell the Worker ─▶ client_complete.sql on the handler's connection

Rule: the Worker is told before the statement is sent. So from the first moment at which the job may
turn out to be completed, neither how the handler ends nor the death of this process decides it.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import Any
from uuid import UUID

from runtime import wire
from runtime.child.notebook import Desk
from runtime.errors import UsageError
from runtime.payload import PayloadLimits, check_size


def complete(
    frame: wire.Run, desk: Desk, begun: float, conn: Any, output: Any
) -> Awaitable[None] | None:
    """See JobContext.complete. `begun`: when the run began, by time.monotonic()."""
    from runtime.client.completion import Completion
    from runtime.client.completion import complete as complete_on

    handler = desk.handler(frame.kind)
    if handler is None:
        raise UsageError(f"the run of {frame.kind!r} has ended, or is none: nothing to complete")
    text = handler.encode_output(output)
    if text is not None:
        check_size("output", text, PayloadLimits(output_bytes=desk.stored_limit))
    seconds = time.monotonic() - begun
    run = Completion(handler.namespace, UUID(bytes=frame.id), frame.run_number, text, seconds)
    desk.undisturbed(lambda: desk.post(wire.Completing(frame.seq)))
    return complete_on(conn, run)
