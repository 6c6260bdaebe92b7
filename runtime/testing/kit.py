"""Kit: the test kit on one database. The fixture `headrace`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

from runtime.app import App
from runtime.client import Client
from runtime.errors import UsageError
from runtime.handler_options import DEFAULT_NAMESPACE
from runtime.testing.draining import Drained, drain
from runtime.testing.enqueued import Enqueued, What, assert_enqueued, refute_enqueued
from runtime.testing.travel import advance, on_connection, travel_to


class Kit:
    """What a test does with a database. Sees what is committed; for your own transaction there are
    `assert_enqueued` and `refute_enqueued` of `runtime.testing`.

    Attributes: url: of the database. app: whose handlers `drain` runs, or None. client: a Client.
    """

    def __init__(self, url: str, app: App | None = None) -> None:
        self.url = url
        self.app = app
        self.namespace = DEFAULT_NAMESPACE if app is None else app.namespace
        self.client = Client(app, url)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.client.close()

    def drain(
        self,
        queue: str | Iterable[str] | None = None,
        *,
        app: App | None = None,
        with_scheduled: bool = False,
        with_retries: bool = False,
        raise_errors: bool = False,
    ) -> Drained:
        """Run what waits, here and now, until nothing is left. See `runtime.testing.drain`."""
        chosen = app or self.app
        if chosen is None:
            raise UsageError("drain needs an app: give app=..., or override headrace_app")
        return drain(
            chosen,
            self.url,
            queue,
            with_scheduled=with_scheduled,
            with_retries=with_retries,
            raise_errors=raise_errors,
        )

    def assert_enqueued(self, what: What, /, **partial_args: Any) -> list[Enqueued]:
        """Fail unless such a job exists. See `runtime.testing.assert_enqueued`."""
        return on_connection(self.url, lambda conn: assert_enqueued(conn, what, **partial_args))

    def refute_enqueued(self, what: What, /, **partial_args: Any) -> None:
        """Fail if such a job exists. See `runtime.testing.refute_enqueued`."""
        on_connection(self.url, lambda conn: refute_enqueued(conn, what, **partial_args))

    def advance(self, **time: float) -> None:
        """Let time pass in the database: `advance(hours=2)`, as a timedelta takes it."""
        advance(self.url, timedelta(**time), namespace=self.namespace)

    def travel_to(self, moment: datetime) -> timedelta:
        """Let time pass until what is set for `moment` is due. See `runtime.testing.travel`."""
        return travel_to(self.url, moment, namespace=self.namespace)
