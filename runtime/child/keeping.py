"""What becomes of a job whose args cannot be unsealed here: it is kept.

A key that is missing or wrong is nobody's fault but the deployment's, and hits all jobs at once. So
it costs no attempt, and no policy may give the job up: it waits until its node has the key. Each
look is a failure on record; they become rare, so that neither the record nor the queue is flooded.
"""

from __future__ import annotations

from runtime.child.context import current
from runtime.errors import CodecError
from runtime.outcome import Failure, Snoozed

# The first wait, doubled up to the last: a deploy that brings the key takes minutes, and what waits
# then should not wait for hours.
FIRST_WAIT_SECONDS = 60.0
LAST_WAIT_SECONDS = 900.0
_MOST_DOUBLINGS = 4


def is_kept(error: BaseException) -> bool:
    """Whether this is said of the job's own args, and not of what its handler has read."""
    return isinstance(error, CodecError) and error.field == "args"


def kept(failure: Failure) -> Snoozed:
    """The outcome of a run that could not begin for that."""
    job = current.get(None)
    looks = 0 if job is None else max(0, job.run_number - job.attempt)  # runs that did not count
    wait = FIRST_WAIT_SECONDS * 2.0 ** min(looks, _MOST_DOUBLINGS)
    return Snoozed(min(wait, LAST_WAIT_SECONDS), failure)
