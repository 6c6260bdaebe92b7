"""The settings of the Store's own sessions: the namespace, and plans that do not need statistics.

Rule: nothing here is needed for a right answer, but the isolation level, the search_path and that
commits wait for the disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from runtime.errors import ConfigError, UsageError
from runtime.handler_options import check_namespace

# Our hot statements touch a few rows by an index each. A table that was never analysed, or was
# empty when it was, makes the planner think of reading it whole, and a plan that was right then is
# kept. So it is told, once: nested loops over indexes. tests/store/postgres/test_plans.py holds it
# to that.
HOT_SESSION: Mapping[str, str] = MappingProxyType(
    {
        "enable_seqscan": "off",
        # A bitmap has no order, and does not mark the dead entries that it meets at the head of
        # job_claim, so that the next claim would step over them again.
        "enable_bitmapscan": "off",
        "enable_hashjoin": "off",
        "enable_mergejoin": "off",
        # The plans above hold for any parameters: plan once a connection (0.2 to 0.5 ms each).
        "plan_cache_mode": "force_generic_plan",
        "jit": "off",
        # SKIP LOCKED and the fences mean READ COMMITTED, whatever the database's default is.
        "default_transaction_isolation": "read committed",
        # What a node was told must not be undone by a crash of the database: the node may live on,
        # and run what another one is given under the same run number. So its commits wait for the
        # disk, whatever the default of the server, the database or the role is.
        "synchronous_commit": "on",
    }
)


def checked_namespace(namespace: str) -> str:
    """The namespace. Raises: ConfigError, if it is none."""
    try:
        return check_namespace(namespace)
    except UsageError as error:
        raise ConfigError(str(error)) from None


def session_of(namespace: str) -> dict[str, str]:
    """What to open a PostgresStore's bridge with, as its `session`."""
    return {**HOT_SESSION, "search_path": f'"{checked_namespace(namespace)}"'}
