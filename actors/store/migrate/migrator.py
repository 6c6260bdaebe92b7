"""Brings a namespace's tables to the version that this program needs, while others serve from them.

    look ──▶ plan (pure) ──▶ step, step, ...      each: lock, look again, do it, record it, unlock

Rules: each step is a unit of its own, so whatever stops the migrator (a crash, a cancellation, the
database) leaves whole steps done, and the next `up` goes on from there. Two at once take turns. A
statement that cannot get its lock soon gives up and is tried again, so that it holds nobody up.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import attrs
import outcome
import trio

from actors.store.bridge import Bridge, DatabaseError
from actors.store.migrate import apply, plan
from actors.store.migrate.apply import Ended, Workplace
from actors.store.migrate.files import Migration, read_migrations
from actors.store.migrate.plan import Found, Status, Step
from actors.store.migrate.watch import Observe, Progress, watch_build
from runtime import sql
from runtime.backoff import exponential
from runtime.errors import ConfigError, MigrationError, UsageError
from runtime.handler_options import check_namespace

# How long a step may take, in seconds: longer than any index build, so that only a dead network
# meets it.
STEP_SECONDS = 86_400.0
# How long in all to try for a lock that others hold, and to wait for another migrator, in seconds.
LOCK_SECONDS = 60.0
MIGRATOR_SECONDS = 3_600.0
# Between two tries: long enough for those who queued behind the last one to get through.
RETRY = exponential(base_seconds=0.1, factor=2.0, max_seconds=2.0, jitter=0.3)
# lock_not_available (our lock_timeout), deadlock_detected: nothing was done, try again.
_TRY_AGAIN = frozenset({"55P03", "40P01"})


@attrs.frozen
class Applied:
    """A step that `up` or `down` took, or would take.

    Attributes: version, 0 for the namespace itself; name; sql; how: "applied", "recorded" (it was
    done already and only not written down), "rebuilt" (an INVALID index), "reverted", or "planned"
    by a dry run; seconds that it took.
    """

    version: int
    name: str
    sql: str = attrs.field(repr=False)
    how: str
    seconds: float = 0.0


def _ignore(_progress: Progress) -> None:
    """Nobody watches."""


class Migrator:
    """Migrates one namespace.

    Args: bridge: any, with a direct connection for `up` and `down`. namespace: the PostgreSQL
    schema, made if it is missing. directory: of migrations; ours by default. The rest are bounds,
    in seconds: lock_timeout for one wait for a lock, lock for all tries at a step, migrator for
    another migrator.

    Raises: ConfigError: no such namespace can be. MigrationError: the files are not in order.
    """

    def __init__(
        self,
        bridge: Bridge,
        namespace: str,
        directory: Path | None = None,
        *,
        lock_timeout_seconds: float = apply.LOCK_TIMEOUT_MS / 1000,
        lock_seconds: float = LOCK_SECONDS,
        migrator_seconds: float = MIGRATOR_SECONDS,
    ) -> None:
        try:
            check_namespace(namespace)
        except UsageError as error:
            raise ConfigError(str(error)) from None
        self._bridge = bridge
        self._at = Workplace(namespace, max(1, round(lock_timeout_seconds * 1000)))
        self._migrations = read_migrations(directory or sql.SCHEMA / "migrations")
        self._lock_seconds = lock_seconds
        self._migrator_seconds = migrator_seconds

    async def status(self) -> Status:
        """How the namespace stands. Changes nothing. Raises: StoreUnavailable, DatabaseError."""
        return plan.status(self._at.namespace, self._migrations, await self._look())

    async def require_current(self) -> None:
        """Return if the tables are those that this program needs.

        Raises: SchemaNotMigrated, SchemaTooNew, each in one line that says what to do;
        StoreUnavailable, DatabaseError.
        """
        plan.check_current(await self.status())

    async def up(
        self, target: int | None = None, *, dry_run: bool = False, observe: Observe = _ignore
    ) -> list[Applied]:
        """Apply what is missing, up to version `target` (default: the latest), in order.

        Repeatable: whatever stopped an earlier `up`, this one goes on from there, and rebuilds an
        index that was left INVALID. With `dry_run`, nothing is written. `observe` is called in this
        task's thread with what there is to show.

        Raises: ConfigError: no such target, or a transaction pooler. SchemaTooNew. MigrationError:
        a changed file, a statement that failed, or a lock that could not be had. StoreUnavailable:
        try again.
        """
        return await self._go(partial(plan.steps_up, target=target), dry_run, observe)

    async def down(
        self, target: int, *, dry_run: bool = False, observe: Observe = _ignore
    ) -> list[Applied]:
        """Undo migrations, the newest first, until version `target` is left (0: none).

        Raises: as `up`; MigrationError also if one on the way cannot be undone (nothing was done).
        """
        return await self._go(partial(plan.steps_down, target=target), dry_run, observe)

    async def _look(self) -> Found:
        return await self._bridge.run(partial(apply.look, at=self._at))

    async def _go(
        self,
        steps: Callable[[Sequence[Migration], Found], tuple[Step, ...]],
        dry_run: bool,
        observe: Observe,
    ) -> list[Applied]:
        if self._bridge.pooler:
            raise ConfigError(
                "a transaction pooler cannot migrate: give the database's own address for this"
            )
        done: list[Applied] = []
        found = await self._plan()
        if dry_run:
            planned = steps(self._migrations, found)
            return [*self._bookkeeping(found, planned), *(_planned(s, found) for s in planned)]
        while left := steps(self._migrations, found):
            if applied := await self._take(left[0], observe):
                done.append(applied)
            found = await self._plan()
        return done

    async def _plan(self) -> Found:
        found = await self._look()
        plan.check(plan.status(self._at.namespace, self._migrations, found))
        return found

    def _bookkeeping(self, found: Found, planned: Sequence[Step]) -> list[Applied]:
        """What a dry run says of the schema and its table `migration`."""
        statements = []
        if not found.namespace:
            statements.append(apply.named("migrate_namespace", namespace=self._at.namespace))
        if not found.table:
            statements.append(sql.load("migrate_table"))
        if not planned or not statements:
            return []
        return [Applied(0, self._at.namespace, ";\n".join(statements) + ";\n", "planned")]

    async def _take(self, step: Step, observe: Observe) -> Applied | None:
        """One step, done by us, or None if another migrator was there first."""
        label = step.script.label
        observe(Progress("begin", label, step.how))
        start = trio.current_time()
        ended = await self._patiently(step, observe)
        seconds = trio.current_time() - start
        observe(Progress("end", label, f"{ended} in {seconds:.2f} s"))
        if ended == "not needed":
            return None
        return Applied(step.migration.version, step.migration.name, step.script.sql, ended, seconds)

    async def _patiently(self, step: Step, observe: Observe) -> Ended:
        """Try a step until nobody else is in the way. Raises: MigrationError."""
        label = step.script.label
        start, attempt = trio.current_time(), 0
        while True:
            waited = trio.current_time() - start
            attempt += 1
            try:
                ended = await self._watched(step, observe)
            except DatabaseError as error:
                if error.sqlstate not in _TRY_AGAIN or waited > self._lock_seconds:
                    raise _failed(step, error) from error
                observe(Progress("waiting for lock", label, error.message))
            else:
                if ended != "locked":
                    return ended
                if waited > self._migrator_seconds:
                    raise MigrationError(
                        f"migration {label}: another migrator has not come to an end"
                    )
                observe(Progress("waiting for migrator", label))
            await trio.sleep(RETRY.delay_seconds(attempt, random.uniform(-1.0, 1.0)))

    async def _watched(self, step: Step, observe: Observe) -> Ended:
        take = partial(apply.take_step, at=self._at, step=step)
        async with trio.open_nursery() as nursery:
            if step.script.creates and observe is not _ignore:
                label, namespace = step.script.label, self._at.namespace
                nursery.start_soon(watch_build, self._bridge, namespace, label, observe)
            # Caught, so that the nursery does not wrap it.
            result = await outcome.acapture(self._bridge.run, take, timeout_seconds=STEP_SECONDS)
            nursery.cancel_scope.cancel()
        return result.unwrap()


def _planned(step: Step, found: Found) -> Applied:
    text = step.script.sql
    if step.script.creates in found.invalid_indexes:
        text = f"{apply.named('migrate_drop_index', index=step.script.creates)};\n{text}"
    return Applied(step.migration.version, step.migration.name, text, "planned")


def _failed(step: Step, error: DatabaseError) -> MigrationError:
    script = step.script
    if script.transactional:
        left = "nothing of it was kept"
    elif script.creates:
        left = "an INVALID index may be left, which the next try rebuilds"
    else:
        left = "the next try goes on from here"
    detail = f" ({error.detail})" if error.detail else ""
    return MigrationError(f"migration {script.label}: {error}{detail}; {left}")
