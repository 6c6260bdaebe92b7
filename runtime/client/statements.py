"""The clients' statements, for a namespace and a driver.

The files `schema/queries/client_*.sql` are valid SQL for the default namespace, with `$1` for their
one parameter. Rule: what is put in is checked first (a namespace) or a number; never a value.
"""

from __future__ import annotations

from functools import lru_cache

from runtime import sql
from runtime.handler_options import DEFAULT_NAMESPACE, check_namespace
from runtime.payload import DEFAULT_LIMITS, PayloadLimits

_DEFAULT_LIMIT = str(DEFAULT_LIMITS.args_bytes)


@lru_cache(maxsize=256)
def statement(name: str, namespace: str, placeholder: str = "$1") -> str:
    """The statement `client_<name>`, qualified. Raises: UsageError, for a bad namespace."""
    text = sql.load(f"client_{name}").replace(
        f"{DEFAULT_NAMESPACE}.", f'"{check_namespace(namespace)}".'
    )
    return text.replace("$1", placeholder)


@lru_cache(maxsize=256)
def enqueue_statement(namespace: str, limits: PayloadLimits, placeholder: str = "$1") -> str:
    """`client_enqueue`, for an app whose limit on args may be its own."""
    text = statement("enqueue", namespace, placeholder)
    return text.replace(_DEFAULT_LIMIT, str(limits.args_bytes))


def channel(namespace: str, topic: str) -> str:
    """The name to LISTEN on or to notify.

    Topics: "wakeup", "due", "control", "finished", "noted" and "event".
    """
    return f"{check_namespace(namespace)}.{topic}"
