"""How often a step is tried, and how long it waits between tries."""

from __future__ import annotations

import random

import attrs

from runtime.backoff import Backoff, exponential
from runtime.errors import UsageError
from runtime.failure_policy import ErrorTypes
from runtime.handler_options import MAX_ATTEMPTS

# Of a step that is given a backoff and no number.
DEFAULT_ATTEMPTS = 5
# 1, 2, 4 ... seconds, at most a minute: a step is one call, and its workflow waits for it.
DEFAULT_STEP_BACKOFF = exponential(1.0, 2.0, 60.0)


@attrs.frozen(kw_only=True)
class Retry:
    """When a failed step is tried again.

    Attributes: attempts, tries in all; backoff, between them; retry_on, only such errors are tried
    again; give_up_on, such are not.
    Raises: UsageError.
    """

    attempts: int = DEFAULT_ATTEMPTS
    backoff: Backoff = DEFAULT_STEP_BACKOFF
    retry_on: ErrorTypes = Exception
    give_up_on: ErrorTypes = ()

    def __attrs_post_init__(self) -> None:
        if type(self.attempts) is not int or not 1 <= self.attempts <= MAX_ATTEMPTS:
            raise UsageError(
                f"attempts of a step: a whole number from 1 to {MAX_ATTEMPTS}, not "
                f"{self.attempts!r:.100}"
            )
        if not isinstance(self.backoff, Backoff):
            raise UsageError(f"backoff of a step is a Backoff, not {self.backoff!r:.100}")

    def delay_seconds(self, attempts: int, error: Exception) -> float | None:
        """Until the next try, after so many; None: there is none."""
        if attempts >= self.attempts or not isinstance(error, self.retry_on):
            return None
        if isinstance(error, self.give_up_on):
            return None
        return self.backoff.delay_seconds(attempts, random.uniform(-1.0, 1.0))


ONCE = Retry(attempts=1)
RetryOption = Retry | Backoff | int
"""What `retry=` takes: a Retry, a number of tries, or a Backoff."""


def retry_of(option: RetryOption | None) -> Retry:
    """Raises: UsageError."""
    if option is None:
        return ONCE
    if isinstance(option, Retry):
        return option
    if isinstance(option, Backoff):
        return Retry(backoff=option)
    return Retry(attempts=option)
