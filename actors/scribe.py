"""The Scribe: writes what runs tell of themselves, as fast as the database takes it.

    Workers ── notes ──▶ pending, one a run, merged ──▶ Store.note (one statement a batch)

Rules: whatever has arrived when the last write is done makes the next batch. Nobody waits for room:
notes that find none are lost, and counted, for no job may suffer from what it tells. While the
database is away they are kept, merged, as far as there is room. A note that the database refuses is
lost alone. An ended run's last note is written before its outcome, unless that takes too long: the
Acker asks for it by `settle`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from uuid import UUID

import attrs
import trio

from actors import events
from actors.kit.life import Life
from actors.retry import Retry
from actors.store.errors import DatabaseError
from actors.store.protocol import RunNote, Store
from runtime.errors import StoreUnavailable
from runtime.note import Note

# Runs whose notes may wait, and the bytes that they may take together: a handler that stores 2 MiB
# ten times a second must not fill the node's memory while the database is away.
MOST_PENDING = 2_000
MOST_PENDING_BYTES = 32 * 1024 * 1024
# Notes in one statement.
MAX_BATCH = 200
# How long outcomes may wait for the notes of their runs, in seconds. A write takes milliseconds.
SETTLE_SECONDS = 0.5
# A write that is not answered in this time went to a connection that is dead.
ANSWER_SECONDS = 10.0

Run = tuple[UUID, int]
"""A job's id and the run's number."""


@attrs.define(eq=False)
class Scribe:
    """See the module's docstring. Workers call `take`; the supervisor runs `run`."""

    store: Store
    observe: events.Observer = events.ignore
    _pending: dict[Run, Note] = attrs.field(factory=dict, init=False)
    _bytes: int = attrs.field(default=0, init=False)
    _writing: Mapping[Run, Note] = attrs.field(factory=dict, init=False)
    _arrived: trio.Event = attrs.field(factory=trio.Event, init=False)
    _written: trio.Event = attrs.field(factory=trio.Event, init=False)
    _retry: Retry = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._retry = Retry("scribe", self.observe)

    def take(self, job_id: UUID, run_number: int, note: Note) -> None:
        """What a run tells. Never waits."""
        run = (job_id, run_number)
        before = self._pending.get(run)
        merged = note if before is None else before.then(note)
        more = merged.size - (0 if before is None else before.size)
        full = before is None and len(self._pending) >= MOST_PENDING
        if full or self._bytes + more > MOST_PENDING_BYTES:
            self.observe(events.NotesLost(1, "too many wait to be written"))
            return
        self._pending[run] = merged
        self._bytes += more
        self._arrived.set()

    async def settle(self, runs: Iterable[Run]) -> None:
        """Wait until the notes of these runs are written, SETTLE_SECONDS at most."""
        if not self._pending and not self._writing:
            return
        wanted = set(runs)
        with trio.move_on_after(SETTLE_SECONDS):
            while wanted & (self._pending.keys() | self._writing.keys()):
                await self._written.wait()

    async def run(self, life: Life) -> None:
        """Write notes until asked to stop, and then what is left, if the database takes it."""
        life.started()
        while not life.stopping:
            self._arrived = trio.Event()
            if self._pending:
                await self._write(life)
            else:
                with life.stop_scope():
                    await self._arrived.wait()
        with trio.move_on_after(SETTLE_SECONDS):
            while self._pending and await self._write(life):
                continue

    async def _write(self, life: Life) -> bool:
        """Whether the database answered."""
        batch = dict(islice(self._pending.items(), MAX_BATCH))
        for run, note in batch.items():
            del self._pending[run]
            self._bytes -= note.size
        self._writing = batch
        try:
            await self._ask(batch)
            self._retry.succeeded()
        except StoreUnavailable as error:
            self._put_back(batch)
            with life.stop_scope():
                await self._retry.after(error)
            return False
        except DatabaseError:
            await self._write_one_by_one(batch)
        finally:
            self._writing = {}
            self._written.set()
            self._written = trio.Event()
        return True

    async def _ask(self, batch: Mapping[Run, Note]) -> None:
        with trio.move_on_after(ANSWER_SECONDS):
            await self.store.note([RunNote(*run, note) for run, note in batch.items()])
            return
        raise StoreUnavailable(f"notes were not confirmed within {ANSWER_SECONDS:g} s")

    def _put_back(self, batch: Mapping[Run, Note]) -> None:
        """Before what has come since."""
        since, self._pending, self._bytes = self._pending, {}, 0
        for notes in (batch, since):
            for run, note in notes.items():
                self.take(*run, note)

    async def _write_one_by_one(self, batch: Mapping[Run, Note]) -> None:
        """The database refused the batch, for the content of one of its notes."""
        for run, note in batch.items():
            try:
                await self._ask({run: note})
            except (DatabaseError, StoreUnavailable) as error:
                self.observe(events.NotesLost(1, f"the database refuses it: {error}"))
