"""What becomes of a run that raised: the user's policy, by exception type, of handler or app.

    discard_on, retry_on   which errors are not retried
    backoff                how long until the next attempt: one policy, a function, or one a type
    on_error               a hook that is told of what is raised, and may decide otherwise

Rules: what a handler says goes before what its app says, option by option. The policy runs in the
child, with the error at hand. What must hold where the child died (`Rule`) is data, and crosses to
the node: the backoff, the crash budget, and which of our own endings are not retried.
"""

from __future__ import annotations

import inspect
import logging
import random
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs

from runtime.backoff import DEFAULT_BACKOFF, MAX_DELAY_SECONDS, Backoff
from runtime.errors import CpuTimeout, Interrupted, JobTimeout, UsageError
from runtime.handler_options import BackoffFunction, check_max_crashes, seconds_of
from runtime.outcome import Verdict

if TYPE_CHECKING:
    from runtime.child.context import JobContext

ErrorTypes = type[BaseException] | tuple[type[BaseException], ...]
"""An exception type, or several."""
BackoffByType = Mapping[type[BaseException], "Backoff | BackoffFunction"]
"""A backoff for each type of error; of several that fit, the nearest in its line of classes."""
BackoffPolicy = Backoff | BackoffFunction | BackoffByType
ErrorHook = Callable[["JobContext", BaseException], Verdict | None]
"""Told of a job and the error that it raised; may return Discard, Snooze or Cancel.

It is called in the child. A run that ends with its process (a crash, out of memory, a kill after
the grace of a timeout, the loss of its node) leaves nobody to call it: of those, events tell
(`failed`, `discarded`, `rescued`; with error, pid, exit status and signal), in any process.
"""

# Endings of a run that its node brings about, and how an exception type stands for each.
_NODES_OWN: dict[str, type[BaseException]] = {
    "JobTimeout": JobTimeout,
    "CpuTimeout": CpuTimeout,
    "OutOfMemory": MemoryError,
}

logger = logging.getLogger("headrace")


@attrs.frozen(kw_only=True)
class FailurePolicy:
    """See the module's docstring. None: not given.

    Attributes: retry_on: only these are retried, what else it raises is discarded. discard_on:
    these are not. Both are asked of what the handler raises and of the timeouts that end it;
    `discard_on=MemoryError` also holds for a run that is killed for its memory. max_crashes: runs
    that may end with the death of their process.
    Raises: UsageError.
    """

    backoff: BackoffPolicy | None = None
    retry_on: ErrorTypes | None = None
    discard_on: ErrorTypes | None = None
    on_error: ErrorHook | None = None
    max_crashes: int | None = None

    def __attrs_post_init__(self) -> None:
        _check_backoff(self.backoff)
        _check_types("retry_on", self.retry_on)
        _check_types("discard_on", self.discard_on)
        _check_hook(self.on_error)
        check_max_crashes(self.max_crashes)

    def over(self, other: FailurePolicy) -> FailurePolicy:
        """This policy, and the other's where it is silent. Hooks are not merged: see `Handler`."""
        given = {
            name: mine
            for name in ("backoff", "retry_on", "discard_on", "max_crashes")
            if (mine := getattr(self, name)) is not None
        }
        return attrs.evolve(other, on_error=self.on_error, **given)

    def gives_up(self, error: BaseException) -> bool:
        """Whether this error is not retried, whatever attempts are left."""
        if self.discard_on is not None and isinstance(error, self.discard_on):
            return True
        if self.retry_on is None or isinstance(error, Interrupted):
            return False
        return not isinstance(error, self.retry_on)

    @property
    def nodes_own(self) -> tuple[str, ...]:
        """Which endings by the node are not retried, by their error class."""
        if self.discard_on is None:
            return ()
        return tuple(name for name, of in _NODES_OWN.items() if issubclass(of, self.discard_on))

    @property
    def plain_backoff(self) -> Backoff:
        """What holds where no error is at hand, since its child died."""
        if isinstance(self.backoff, Mapping):
            fallback = self.backoff.get(Exception)
            return fallback if isinstance(fallback, Backoff) else DEFAULT_BACKOFF
        return self.backoff if isinstance(self.backoff, Backoff) else DEFAULT_BACKOFF

    def delay_seconds(self, kind: str, attempt: int, error: BaseException) -> float | None:
        """Seconds until the next attempt; None: as `plain_backoff` has it.

        A function that raises, or returns no delay, is logged and the default stands in for it.
        """
        chosen: Any = self.backoff
        if isinstance(chosen, Mapping):
            chosen = next((chosen[of] for of in type(error).__mro__ if of in chosen), None)
            if isinstance(chosen, Backoff):
                return chosen.delay_seconds(attempt, random.uniform(-1.0, 1.0))
        if chosen is None or isinstance(chosen, Backoff):
            return None
        return _ask(chosen, kind, attempt, error)


def _ask(function: BackoffFunction, kind: str, attempt: int, error: BaseException) -> float | None:
    try:
        seconds: float | timedelta | None = function(attempt, error)
        seconds = seconds_of("backoff", seconds)
    except Exception:
        logger.exception("the backoff function of %s failed; using the default", kind)
        return None
    return None if seconds is None else min(seconds, MAX_DELAY_SECONDS)


def _check_backoff(backoff: object) -> None:
    if isinstance(backoff, Mapping):
        for of, each in backoff.items():
            _check_types("a type in backoff", of)
            if not isinstance(each, Backoff) and not callable(each):
                raise UsageError(
                    f"backoff for {of.__name__} is a Backoff or a function, not {each!r}"
                )
    elif backoff is not None and not isinstance(backoff, Backoff) and not callable(backoff):
        raise UsageError(
            f"backoff is a Backoff, a function (attempt, error) -> seconds, or a mapping of "
            f"exception types to those, not {backoff!r}"
        )


def _check_types(name: str, types: object) -> None:
    for each in types if isinstance(types, tuple) else (types,):
        if each is not None and not (isinstance(each, type) and issubclass(each, BaseException)):
            raise UsageError(f"{name} is an exception type or a tuple of such, not {each!r}")


def _check_hook(hook: object) -> None:
    if hook is None:
        return
    if not callable(hook) or inspect.iscoroutinefunction(hook):
        raise UsageError(
            f"an error hook is a plain function (job, error) -> None, Discard, Snooze or Cancel, "
            f"not {hook!r}"
        )


NO_POLICY = FailurePolicy()
