"""ctx.transaction on a real database, with connections of every library: effect and record commit
together, or neither.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from typing import Any

import asyncpg
import psycopg
import pytest
import sqlalchemy
import sqlalchemy.ext.asyncio
import sqlalchemy.orm

from runtime import App, AsyncContext, Context, StepFailed
from runtime.testing import Kit
from tests.client.jobs import rows
from tests.client.libraries import ASYNC, SYNC, django_autocommit

INSERT = "INSERT INTO public.effect (word) VALUES ('done')"
app = App()
tries: list[str] = []


@contextmanager
def plain_psycopg(url: str) -> Iterator[Any]:
    with psycopg.connect(url) as conn:
        yield conn


@contextmanager
def autocommit_psycopg(url: str) -> Iterator[Any]:
    with psycopg.connect(url, autocommit=True) as conn:
        yield conn


@contextmanager
def of_caller(name: str, url: str) -> Iterator[Any]:
    with SYNC[name](url) as caller:
        yield caller.conn


@contextmanager
def dbapi(url: str) -> Iterator[Any]:
    with of_caller("DB-API connection", url) as conn:
        yield conn


@contextmanager
def sqlalchemy_connection(url: str) -> Iterator[Any]:
    with of_caller("SQLAlchemy connection", url) as conn:
        yield conn


@contextmanager
def sqlalchemy_session(url: str) -> Iterator[Any]:
    with of_caller("SQLAlchemy session", url) as conn:
        yield conn


PLAIN: dict[str, Callable[[str], AbstractContextManager[Any]]] = {
    "psycopg": plain_psycopg,
    "psycopg in autocommit": autocommit_psycopg,
    "DB-API": dbapi,
    "SQLAlchemy connection": sqlalchemy_connection,
    "SQLAlchemy session": sqlalchemy_session,
    "Django": django_autocommit,
}


@asynccontextmanager
async def plain_asyncpg(url: str) -> AsyncIterator[Any]:
    conn = await asyncpg.connect(url)
    try:
        yield conn
    finally:
        await conn.close()


@asynccontextmanager
async def async_psycopg(url: str) -> AsyncIterator[Any]:
    async with ASYNC["psycopg"](url) as caller:
        yield caller.conn


@asynccontextmanager
async def async_sqlalchemy(url: str) -> AsyncIterator[Any]:
    engine = sqlalchemy.ext.asyncio.create_async_engine(
        url.replace("postgresql:", "postgresql+psycopg:")
    )
    async with engine.connect() as conn:
        yield conn
    await engine.dispose()


ASYNCIO: dict[str, Callable[[str], AbstractAsyncContextManager[Any]]] = {
    "asyncpg": plain_asyncpg,
    "psycopg": async_psycopg,
    "SQLAlchemy": async_sqlalchemy,
}


def effect(conn: Any, word: str) -> str:
    """One row."""
    tries.append(word)
    if isinstance(conn, sqlalchemy.Connection | sqlalchemy.orm.Session):
        conn.execute(sqlalchemy.text(INSERT))
    else:
        conn.cursor().execute(INSERT)
    if word == "fail":
        raise ValueError("not so")
    return word


async def async_effect(conn: Any, word: str) -> str:
    tries.append(word)
    is_sqlalchemy = isinstance(conn, sqlalchemy.ext.asyncio.AsyncConnection)
    await conn.execute(sqlalchemy.text(INSERT) if is_sqlalchemy else INSERT)
    return word


@app.workflow
def pays(ctx: Context, library: str, url: str, word: str) -> Any:
    ctx.uuid()
    with PLAIN[library](url) as conn:
        try:
            paid = ctx.transaction("pay", conn, effect, word)
        except StepFailed as error:
            paid = str(error)
    ctx.sleep(60)
    return paid


@app.workflow
async def async_pays(ctx: AsyncContext, library: str, url: str, word: str) -> Any:
    async with ASYNCIO[library](url) as conn:
        paid = await ctx.transaction("pay", conn, async_effect, word)
    await ctx.sleep(60)
    return paid


@app.workflow(max_attempts=1)
def misuses(ctx: Context, url: str) -> Any:
    with psycopg.connect(url) as conn:
        conn.execute("SELECT 1")
        return ctx.transaction("pay", conn, effect, "w")


@pytest.fixture
def kit(url: str) -> Iterator[Kit]:
    tries.clear()
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("DROP TABLE IF EXISTS public.effect")
        conn.execute("CREATE TABLE public.effect (word text)")
    with Kit(url, app) as kit:
        yield kit


def effects(url: str) -> int:
    return len(rows(url, "SELECT FROM public.effect"))


@pytest.mark.parametrize("library", PLAIN)
def test_effect_and_record_commit_together(kit: Kit, url: str, library: str) -> None:
    job = kit.client.enqueue(pays, library, url, "well")
    kit.drain()
    assert (effects(url), tries) == (1, ["well"])
    look = "SELECT place, op, name, output #>> '{}', node IS NOT NULL FROM headrace.step"
    assert ("2", "transaction", "pay", "well", True) in rows(url, look)
    kit.advance(minutes=2)
    kit.drain()
    assert kit.client.result(job) == "well"
    assert (effects(url), tries) == (1, ["well"])


@pytest.mark.parametrize("library", ASYNCIO)
def test_and_so_they_do_in_asyncio(kit: Kit, url: str, library: str) -> None:
    job = kit.client.enqueue(async_pays, library, url, "well")
    kit.drain()
    kit.advance(minutes=2)
    kit.drain()
    assert kit.client.result(job) == "well"
    assert (effects(url), tries) == (1, ["well"])


@pytest.mark.parametrize("library", PLAIN)
def test_what_raises_is_rolled_back_and_recorded_as_failed(
    kit: Kit, url: str, library: str
) -> None:
    job = kit.client.enqueue(pays, library, url, "fail")
    kit.drain()
    kit.advance(minutes=2)
    kit.drain()
    assert kit.client.result(job) == "step 'pay' failed: ValueError: not so"
    assert (effects(url), tries) == (0, ["fail"])


@app.workflow
def loses(ctx: Context, url: str) -> Any:
    def lose(conn: Any) -> str:
        """Somebody else has the job before the function has ended."""
        with psycopg.connect(url) as other:
            other.execute("UPDATE headrace.job SET run_number = run_number + 1")
        return effect(conn, "lost")

    with psycopg.connect(url) as conn:
        return ctx.transaction("pay", conn, lose)


def test_a_run_that_has_lost_its_job_rolls_back(kit: Kit, url: str) -> None:
    job = kit.client.enqueue(loses, url)
    kit.drain()
    assert (effects(url), tries) == (0, ["lost"])
    assert rows(url, "SELECT FROM headrace.step") == []
    assert kit.client.get(job.id).failures == ()


class Doubtful:
    """A connection that is lost when its commit has taken place."""

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        self.cursor = conn.cursor
        self.rollback = conn.rollback
        self._conn = conn

    def commit(self) -> None:
        self._conn.commit()
        raise psycopg.OperationalError("the connection is lost")


@app.workflow
def doubts(ctx: Context, url: str) -> Any:
    with psycopg.connect(url) as conn:
        return ctx.transaction("pay", Doubtful(conn), effect, "once")


def test_a_commit_that_may_have_taken_place_is_looked_for(kit: Kit, url: str) -> None:
    job = kit.client.enqueue(doubts, url)
    assert kit.drain().snoozed == 1
    kit.advance(seconds=2)
    kit.drain()
    assert kit.client.result(job) == "once"
    assert (effects(url), tries) == (1, ["once"])


def test_a_connection_in_a_transaction_is_refused(kit: Kit, url: str) -> None:
    job = kit.client.enqueue(misuses, url)
    kit.drain()
    (failure,) = kit.client.get(job.id).failures
    assert "is in a transaction already" in failure.message
    assert effects(url) == 0


OWES = """
    CREATE TEMP TABLE owner (id integer PRIMARY KEY);
    CREATE TEMP TABLE thing (owner integer REFERENCES owner DEFERRABLE INITIALLY DEFERRED);
    INSERT INTO thing VALUES (1)
"""


def fails_at_commit(conn: Any) -> None:
    """The foreign key is looked at when it commits, as Django has all of its."""
    cursor = conn.cursor()
    cursor.execute(OWES)
    cursor.execute(INSERT)


async def async_fails_at_commit(conn: asyncpg.Connection[Any]) -> None:
    await conn.execute(OWES)
    await conn.execute(INSERT)


@app.workflow
def breaks_a_rule(ctx: Context, library: str, url: str) -> str:
    with PLAIN[library](url) as conn:
        try:
            ctx.transaction("pay", conn, fails_at_commit)
        except StepFailed as error:
            return error.error_class
    return "paid"


@app.workflow
async def async_breaks_a_rule(ctx: AsyncContext, url: str) -> str:
    async with plain_asyncpg(url) as conn:
        try:
            await ctx.transaction("pay", conn, async_fails_at_commit)
        except StepFailed as error:
            return error.error_class
    return "paid"


@pytest.mark.parametrize("library", ["psycopg", "DB-API", "Django"])
def test_what_the_database_refuses_at_the_commit_is_a_failure(
    kit: Kit, url: str, library: str
) -> None:
    job = kit.client.enqueue(breaks_a_rule, library, url)
    kit.drain()
    assert kit.client.result(job).endswith(("ForeignKeyViolation", "IntegrityError"))
    assert effects(url) == 0


def test_and_so_it_is_in_asyncio(kit: Kit, url: str) -> None:
    job = kit.client.enqueue(async_breaks_a_rule, url)
    kit.drain()
    assert kit.client.result(job).endswith("ForeignKeyViolationError")
    assert effects(url) == 0


@app.workflow
def meets_another(ctx: Context, url: str) -> str:
    def reads_and_writes(conn: Any) -> str:
        """Another one reads and writes the same meanwhile: neither can have been the first."""
        tries.append("try")
        (found,) = conn.execute("SELECT count(*) FROM public.effect").fetchone()
        conn.execute(INSERT)
        if len(tries) == 1:
            with psycopg.connect(url) as other:
                other.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
                other.execute("SELECT count(*) FROM public.effect")
                other.execute(INSERT)
        return f"found {found}"

    with psycopg.connect(url) as conn:
        conn.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
        return ctx.transaction("pay", conn, reads_and_writes)


def test_what_another_transaction_was_in_the_way_of_is_done_again(kit: Kit, url: str) -> None:
    job = kit.client.enqueue(meets_another, url)
    assert kit.drain().snoozed == 1
    kit.advance(seconds=2)
    kit.drain()
    assert kit.client.result(job) == "found 1"
    assert (effects(url), tries) == (2, ["try", "try"])


@app.workflow(max_attempts=1)
def may_not(ctx: Context, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("SET ROLE visitor")
        ctx.transaction("pay", conn, effect, "barred")


def test_a_role_that_may_not_record_is_told_so(kit: Kit, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("CREATE ROLE visitor")
        conn.execute("GRANT INSERT ON public.effect TO visitor")
    try:
        job = kit.client.enqueue(may_not, url)
        kit.drain()
        (failure,) = kit.client.get(job.id).failures
        assert "permission denied" in failure.message
        assert effects(url) == 0
    finally:
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("DROP OWNED BY visitor")
            conn.execute("DROP ROLE visitor")
