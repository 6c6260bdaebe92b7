"""Databases for tests: a server, a migrated template in it, and a copy of that for each test.

    server ─▶ template, migrated once ─▶ copy ─▶ a test ─▶ dropped

Rules: who shares a server (the workers of pytest-xdist) shares its template, which one of them
makes while the others wait. Its name has a digest of the migrations in it, so that it is never an
old one. It stays, for the next run, until somebody drops it or its server goes. Nothing is kept
open in between: a test may fork.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import uuid
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlsplit

from runtime import sql
from runtime.handler_options import DEFAULT_NAMESPACE, check_namespace
from runtime.testing.backstage import migrate
from runtime.testing.travel import on_connection

# Any number, the same in all versions: who makes a template holds this advisory lock.
_LOCK = 0x48454144
_PREFIX = "headrace_test_"
_PLACE = re.compile(r"\bheadrace_test_([12])\b")  # where a statement has a name
_EMPTY = "template1"


class Databases:
    """Makes databases in a server.

    Args: url: of a database to connect to, as a user who may create databases. namespaces: those
    that the template gets the tables of.
    """

    def __init__(self, url: str, namespaces: Sequence[str] = (DEFAULT_NAMESPACE,)) -> None:
        self.url = url
        self.namespaces = tuple(check_namespace(name) for name in namespaces)
        self._template = f"{_PREFIX}template_{_digest(self.namespaces)}"
        self._made = False
        self._by_files: bool | None = None  # whether its server should copy so; None: not asked yet

    @property
    def template(self) -> str:
        """The name of the migrated template; made at the first look. Nobody may connect to it."""
        if not self._made:
            on_connection(self.url, self._make_template)
            self._made = True
        return self._template

    def create(self, *, migrated: bool = True) -> str:
        """A new database: a copy of the template, or an empty one. Its address."""
        name = f"{_PREFIX}{uuid.uuid4().hex}"
        template = self.template if migrated else _EMPTY
        on_connection(self.url, lambda connection: self._copy(connection, name, template))
        return self.url_of(name)

    def drop(self, url: str) -> None:
        """Drop a database, whoever is still connected to it."""
        text = _named("test_drop", urlsplit(url).path.removeprefix("/"))
        on_connection(self.url, lambda connection: connection.execute(text))

    def url_of(self, name: str) -> str:
        """The address of another database of the server."""
        return urlsplit(self.url)._replace(path=f"/{quote(name, safe='')}").geturl()

    async def _copy(self, connection: Any, name: str, template: str) -> None:
        """Copy a database in the cheapest way: 10 ms by files, 80 ms of a core without."""
        if self._by_files is None:
            self._by_files = await connection.fetchval(sql.load("test_may_copy_files"))
        statement = "test_create_by_files" if self._by_files else "test_create"
        await connection.execute(_named(statement, name, template))

    async def _make_template(self, connection: Any) -> None:
        """Make it, unless somebody has. One that breaks off leaves none of that name."""
        await connection.fetch(sql.load("test_lock"), _LOCK)  # until the connection's end
        if await connection.fetchval(sql.load("test_exists"), self._template):
            return
        draft = f"{_PREFIX}{uuid.uuid4().hex}"
        await self._copy(connection, draft, _EMPTY)
        for namespace in self.namespaces:
            await asyncio.to_thread(migrate, self.url_of(draft), namespace)
        await connection.execute(_named("test_rename", draft, self._template))


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
