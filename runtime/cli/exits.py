"""Exit statuses: the one table, and which error leads to which.

Rule: an expected error is one clear line on stderr and its own status; only what nobody expected
has a traceback. Numbers from 64 on are those of BSD's sysexits.h, where they have the same meaning.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from enum import IntEnum

from runtime.errors import HeadraceError, SchemaError, Unavailable, UsageError

# The server is there, but lets nobody in under this name, or has no such database.
_REFUSED_STATES = ("28", "3D")


class Exit(IntEnum):
    """What the process's status tells."""

    OK = 0  # done; of `serve`: drained
    FAILED = 1  # what was asked for was not done, or a crash; of `check`: something needs attention
    USAGE = 2  # no such command, option or value; nothing was done
    UNAVAILABLE = 69  # the database did not answer
    SCHEMA = 78  # the namespace is not migrated, or is newer than this program
    INTERRUPTED = 128 + signal.SIGINT  # 130: stopped by a second SIGINT, without draining
    TERMINATED = 128 + signal.SIGTERM  # 143: the same, by a second SIGTERM


def forced(signal_number: int) -> int:
    """The status of a process that a second signal stopped."""
    return 128 + signal_number


def expected(error: BaseException) -> tuple[Exit, str] | None:
    """The exit status and the line for an error that was to be expected; None for a bug."""
    leaves = list(_leaves(error))
    found = [_expected(leaf) for leaf in leaves]
    return found[0] if found and None not in found else None


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors in a group (trio's nurseries raise groups, also of one), and behind the errors of
    a supervisor, which tell of somebody else's."""
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    elif _is_supervision(error) and error.__cause__ is not None:
        yield from _leaves(error.__cause__)
    else:
        yield error


def _expected(error: BaseException) -> tuple[Exit, str] | None:
    if isinstance(error, KeyboardInterrupt):
        return Exit.INTERRUPTED, "interrupted"
    if isinstance(error, UsageError):
        return Exit.USAGE, str(error)
    if isinstance(error, SchemaError):
        return Exit.SCHEMA, str(error)
    if isinstance(error, Unavailable) or _is_refusal(error) or _is_embedded(error):
        return Exit.UNAVAILABLE, str(error)
    if isinstance(error, HeadraceError):
        return Exit.FAILED, str(error)
    return None


def _is_refusal(error: BaseException) -> bool:
    sqlstate = getattr(error, "sqlstate", "")
    return isinstance(error, HeadraceError) and sqlstate.startswith(_REFUSED_STATES)


# These two import what they ask for only when there is an error to ask about.
def _is_supervision(error: BaseException) -> bool:
    from actors.kit.errors import SupervisionError

    return isinstance(error, SupervisionError)


def _is_embedded(error: BaseException) -> bool:
    from runtime.embedded.errors import EmbeddedPostgresError

    return isinstance(error, EmbeddedPostgresError)
