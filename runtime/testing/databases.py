"""Databases for tests: a server, a migrated template in it, and a copy of that for each test.

    server ─▶ template, migrated once ─▶ copy ─▶ a test ─▶ dropped

Rules: who shares a server (the workers of pytest-xdist) shares its template, which one of them
makes while the others wait. Its name has a digest of the migrations in it, so one that an earlier
run left behind is used again, and never an old one. The last who leaves drops it.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import asyncpg

from runtime import sql
from runtime.client.thread import LoopThread
from runtime.database_url import for_driver
from runtime.handler_options import DEFAULT_NAMESPACE, check_namespace
from runtime.testing.backstage import migrate

# Any number, the same in all versions: who works with the template holds this advisory lock.
_LOCK = 0x48454144
_PREFIX = "headrace_test_"
_PLACE = re.compile(r"\bheadrace_test_([12])\b")  # where a statement has a name


class Databases:
    """Makes databases in a server. Close it, or use it in a `with` statement.

    Args: url: of a database to connect to, as a user who may create databases. namespaces: those
    that the template gets the tables of. For one thread at a time.
    """

    def __init__(self, url: str, namespaces: Sequence[str] = (DEFAULT_NAMESPACE,)) -> None:
        self.url = url
        self.namespaces = tuple(check_namespace(name) for name in namespaces)
        self.template = f"{_PREFIX}template_{_digest(self.namespaces)}"
        self._thread = LoopThread(self._disconnect)
        self._connection: Any = None
        self._made = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def create(self, *, migrated: bool = True) -> str:
        """A new database: a copy of the template, or an empty one. Its address."""
        if migrated and not self._made:
            self._make_template()
        name = f"{_PREFIX}{uuid.uuid4().hex}"
        self._execute("test_create", name, self.template if migrated else "template1")
        return self.url_of(name)

    def drop(self, url: str) -> None:
        """Drop a database, whoever is still connected to it."""
        self._execute("test_drop", urlsplit(url).path.removeprefix("/"))

    def url_of(self, name: str) -> str:
        """The address of another database of the server."""
        return urlsplit(self.url)._replace(path=f"/{quote(name, safe='')}").geturl()

    def close(self) -> None:
        """Leave the server; if nobody else makes databases in it, its template goes."""
        if self._made:
            self._made = False
            self._thread.call(self._leave)
        self._thread.stop()

    def _make_template(self) -> None:
        """Have the template, made by us or another, and hold it from then on."""
        self._ask("test_lock")
        try:
            if not self._ask("test_exists", self.template):
                draft = f"{_PREFIX}{uuid.uuid4().hex}"
                self._execute("test_create", draft, "template1")
                for namespace in self.namespaces:
                    migrate(self.url_of(draft), namespace)
                self._execute("test_rename", draft, self.template)
            self._ask("test_hold", _LOCK + 1)
            self._made = True
        finally:
            self._ask("test_unlock")

    async def _leave(self) -> None:
        """A template that nobody holds is dropped, by one who has the lock for it."""
        connection = await self._connected()
        await connection.fetch(sql.load("test_let_go"), _LOCK + 1)
        await connection.fetch(sql.load("test_lock"), _LOCK)
        if await connection.fetchval(sql.load("test_alone"), _LOCK + 1):
            await connection.execute(_named("test_drop", self.template))
        await connection.fetch(sql.load("test_unlock"), _LOCK)

    def _ask(self, statement: str, *values: object) -> Any:
        async def step() -> Any:
            connection = await self._connected()
            return await connection.fetchval(sql.load(statement), *(values or (_LOCK,)))

        return self._thread.call(step)

    def _execute(self, statement: str, *names: str) -> None:
        async def step() -> None:
            connection = await self._connected()
            await connection.execute(_named(statement, *names))

        self._thread.call(step)

    async def _connected(self) -> Any:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(dsn=for_driver(self.url), timeout=30.0)
        return self._connection

    async def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.terminate()


def _named(statement: str, *names: str) -> str:
    """The statement with these names of databases, which cannot be parameters."""
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    return _PLACE.sub(lambda found: quoted[int(found[1]) - 1], sql.load(statement))


def _digest(namespaces: Sequence[str]) -> str:
    """What tells a template from one of other migrations or namespaces."""
    found = hashlib.sha256(repr(namespaces).encode())
    for file in sorted((sql.SCHEMA / "migrations").glob("*.sql")):
        found.update(file.name.encode() + file.read_bytes())
    return found.hexdigest()[:12]
