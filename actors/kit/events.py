"""What a supervisor reports: one frozen event a fact, to whoever observes (log, metrics, tests).

`name` is always the path of the child or supervisor meant. An incarnation that was begun ends with
exactly one of ChildStopped and ChildCrashed; ChildCutOff and ChildStuck come before that.
An observer is called in the midst of supervision: it must be quick and must not raise.
"""

import logging

import attrs

_logger = logging.getLogger(__name__)


@attrs.frozen
class ChildStarted:
    """The child called started()."""

    name: str


@attrs.frozen
class ChildStopped:
    """The child ended without an error: by itself, because it was asked to, or cancelled."""

    name: str


@attrs.frozen
class ChildCrashed:
    """The child raised, overran its start_seconds, or returned although permanent."""

    name: str
    error: BaseException
    restarts: int  # how often this child was restarted before, since it was first started


@attrs.frozen
class ChildRestarting:
    """The child (under its strategy, with siblings) is going to be started again."""

    name: str
    delay_seconds: float  # from now, when all that restart with it are down


@attrs.frozen
class ChildCutOff:
    """The child had not left by itself in time and was cancelled."""

    name: str
    shutdown_seconds: float  # the time it had


@attrs.frozen
class ChildStuck:
    """The child still runs although cancelled: it shields itself, and is waited for regardless."""

    name: str
    seconds: float  # since it was cancelled


@attrs.frozen
class Escalated:
    """The supervisor gives up: its children are stopped in order and it raises."""

    name: str
    error: BaseException  # of the child that needed one restart too many


Event = (
    ChildStarted
    | ChildStopped
    | ChildCrashed
    | ChildRestarting
    | ChildCutOff
    | ChildStuck
    | Escalated
)


def log(event: Event) -> None:
    """Write an event to the logger of this module: the default observer."""
    match event:
        case ChildStarted(name):
            _logger.debug("%s started", name)
        case ChildStopped(name):
            _logger.debug("%s stopped", name)
        case ChildCrashed(name, error, restarts):
            _logger.error("%s crashed (restarts so far: %d)", name, restarts, exc_info=error)
        case ChildRestarting(name, delay):
            _logger.warning("%s restarts in %.3g s", name, delay)
        case ChildCutOff(name, seconds):
            _logger.warning("%s did not stop in %.3g s and was cancelled", name, seconds)
        case ChildStuck(name, seconds):
            _logger.error("%s ignores its cancellation since %.3g s; still waiting", name, seconds)
        case Escalated(name, error):
            _logger.critical("%s gives up and stops its children: %r", name, error)
