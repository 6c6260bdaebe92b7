"""What the three clients have in common: their settings, and what a call of `enqueue` means."""

from __future__ import annotations

from typing import Any, TypeVar
from uuid import UUID

import attrs
import msgspec

from runtime.app import App
from runtime.client.address import database_url
from runtime.client.core import Core
from runtime.client.database import Database
from runtime.client.handle import JobHandle
from runtime.client.results import Reader
from runtime.codec.sealer import PLAIN, Sealer
from runtime.errors import UsageError
from runtime.handler_enqueue import Enqueuer, Kind
from runtime.handler_options import DEFAULT_NAMESPACE, check_namespace
from runtime.payload import DEFAULT_LIMITS, PayloadLimits

DEFAULT_POOL_SIZE = 4  # connections; enough for 10,000 enqueues a second
R = TypeVar("R")
What = Enqueuer[..., Any] | str


@attrs.frozen
class Wiring:
    """A client's settings, checked."""

    app: App | None
    url: str = attrs.field(repr=False)
    namespace: str
    pool_size: int
    pooler: bool

    @property
    def limits(self) -> PayloadLimits:
        """The app's, or the default."""
        return DEFAULT_LIMITS if self.app is None else self.app.limits

    @property
    def sealer(self) -> Sealer:
        """The app's, or that of nothing."""
        return PLAIN if self.app is None else self.app.sealer

    def core(self) -> Core:
        """A core, not yet open."""
        database = Database(self.url, self.namespace, max_size=self.pool_size, pooler=self.pooler)
        return Core(database, self.limits, self.sealer)

    def enqueuer(self, what: What) -> Enqueuer[..., Any]:
        """What to enqueue. Raises: UnknownKind, for a name that the app does not know."""
        if isinstance(what, Enqueuer):
            return what
        if not isinstance(what, str):
            raise UsageError(f"cannot enqueue {what!r}: give a handler or the name of a kind")
        if self.app is not None:
            return self.app.handler(what)
        return Kind(what, namespace=self.namespace, limits=self.limits)

    def awaited(self, job: JobHandle[R] | UUID) -> tuple[UUID, Reader[R]]:
        """Which job, and how to read its output."""
        if isinstance(job, JobHandle):
            return job.id, job.target
        if not isinstance(job, UUID):
            raise UsageError(f"give a job's handle or its id as a uuid.UUID, not {job!r}")
        return job, _AnyOutput(self.sealer)


@attrs.frozen
class _AnyOutput:
    """Reads outputs as plain JSON values."""

    sealer: Sealer

    def decode_output(self, text: str | None) -> Any:
        """See Reader."""
        return None if text is None else msgspec.json.decode(text)


def wire(
    app: App | None, url: str | None, namespace: str | None, pool_size: int, pooler: bool
) -> Wiring:
    """Check a client's settings. Raises: ConfigError, UsageError."""
    if app is not None and not isinstance(app, App):
        raise UsageError(f"the first argument is a runtime.App or None, not {app!r}")
    home = DEFAULT_NAMESPACE if app is None else app.namespace
    return Wiring(app, database_url(url), check_namespace(namespace or home), pool_size, pooler)
