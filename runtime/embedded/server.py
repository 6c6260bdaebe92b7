"""`Server`: one process's use of an embedded PostgreSQL server."""

import os
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self
from urllib.parse import quote

from runtime.embedded import binaries, knock, places
from runtime.embedded.attach import START_TIMEOUT, join_or_start
from runtime.embedded.errors import EmbeddedPostgresError
from runtime.embedded.guardian import identity, stale
from runtime.embedded.guardian.plan import LOG, PGDATA, PORT, SUPERUSER, Plan, Ready
from runtime.embedded.link import Link

_NO_SETTINGS: Mapping[str, str] = MappingProxyType({})

_KNOCK_AGAIN = 0.01
"""Seconds; PostgreSQL's recovery after a killed backend took 0.2 s."""

_CREATEDB_TIMEOUT = 120.0
"""Seconds; a large template is copied."""


class Server:
    """A running PostgreSQL that stays at least as long as this object is open.

    Made by `attach`. Other processes (and other objects here) may use the same server; it stops
    when the last of them has closed, exited or been killed. Safe to use from several threads.

    It belongs to the process that attached. A forked child attaches for itself; a program that
    becomes a daemon does so before it attaches.
    """

    def __init__(self, plan: Plan, link: Link, ready: Ready) -> None:
        self._plan = plan
        self._link: Link | None = link
        self._ready = ready
        self._lock = threading.Lock()
        self.data_dir = Path(plan.root)
        self.started_it = link.started_it
        """Whether this call of `attach` started the server, rather than joined it."""

    @classmethod
    def attach(
        cls,
        data_dir: Path | None = None,
        *,
        ephemeral: bool = False,
        bin_dir: Path | None = None,
        settings: Mapping[str, str] = _NO_SETTINGS,
    ) -> Self:
        """Start the server of a data directory, or join it; returns when it accepts connections.

        - data_dir: made if missing; default HEADRACE_DATA_DIR, else
          `~/.local/share/headrace/postgres`.
        - ephemeral: a new server for ourselves in a temporary directory, without durability
          (fsync off), removed at the end. For tests.
        - bin_dir: PostgreSQL's programs; default HEADRACE_POSTGRES_BIN, else they're found.
        - settings: PostgreSQL's own, for a server that's started here; one that's joined keeps its
          own. Not `port`, `listen_addresses` or the socket's directory: its users rely on those.

        Raises EmbeddedPostgresError.
        """
        if ephemeral and data_dir is not None:
            raise EmbeddedPostgresError(
                f"An ephemeral server makes its own directory: {data_dir} can't be named for it."
            )
        programs = binaries.find(bin_dir)
        root = places.ephemeral_dir() if ephemeral else places.data_dir(data_dir)
        plan = Plan(
            root=str(root),
            socket_dir=str(places.socket_dir(root)),
            bin_dir=str(programs.bin_dir),
            version=programs.version,
            settings=dict(settings),
            ephemeral=ephemeral,
            identity=os.environ.get(identity.ENVIRONMENT, identity.AUTOMATIC),
        )
        server = cls(plan, *join_or_start(plan))
        try:
            server.ensure()
        except BaseException:
            server.close()
            raise
        return server

    @property
    def url(self) -> str:
        """The address of the database `postgres`, for asyncpg, psycopg and libpq."""
        return self._url("postgres")

    @property
    def socket_dir(self) -> Path:
        """The directory of the server's unix socket."""
        return Path(self._ready.socket_dir)

    @property
    def version(self) -> str:
        """The server's version, such as `18.6`."""
        return self._ready.version

    @property
    def bin_dir(self) -> Path:
        """The directory of the server's programs (psql, pg_dump, ...)."""
        return Path(self._ready.bin_dir)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._link is None

    @property
    def guardian_pid(self) -> int:
        """The process that keeps the server. SIGQUIT to it stops both at once, as in a crash."""
        return self._ready.guardian_pid

    @property
    def postmaster_pid(self) -> int | None:
        """The server's own process, if it runs or was killed; changes when it's restarted."""
        return stale.pid_of(self.data_dir / PGDATA)

    def ensure(self) -> None:
        """Return when the server accepts connections, starting it again if need be.

        A crashed server is restarted without this; it's for a guardian that was killed, and to
        wait. Raises EmbeddedPostgresError.
        """
        deadline = time.monotonic() + START_TIMEOUT
        with self._lock:
            while not self._accepts(deadline):
                if time.monotonic() > deadline:
                    raise EmbeddedPostgresError(
                        f"The server of {self.data_dir} runs, but takes no connections. "
                        f"See {self.data_dir / LOG}."
                    )
                time.sleep(_KNOCK_AGAIN)

    def _accepts(self, deadline: float) -> bool:
        """Have the guardian say that it's ready, by a new one if need be, and try it."""
        if self._link is None:
            raise EmbeddedPostgresError(f"The server of {self.data_dir} was closed here.")
        ready = self._link.ensure(deadline)
        if ready is None:
            self._link.close()
            self._link, ready = join_or_start(self._plan)
        self._ready = ready
        return knock.accepts(self.socket_dir)

    def create_database(self, name: str, template: str | None = None) -> str:
        """Make a database, as a copy of `template` if given, and return its address.

        Raises EmbeddedPostgresError, also if the name is taken.
        """
        command = [str(self.bin_dir / "createdb"), "--host", str(self.socket_dir)]
        command += ["--port", str(PORT), "--username", SUPERUSER, "--no-password"]
        command += ["--maintenance-db", "postgres"]
        command += [] if template is None else ["--template", template]
        answer = subprocess.run(
            [*command, "--", name],
            capture_output=True,
            text=True,
            timeout=_CREATEDB_TIMEOUT,
            env={key: value for key, value in os.environ.items() if not key.startswith("PG")},
        )
        if answer.returncode != 0:
            raise EmbeddedPostgresError(
                f"The database {name!r} can't be made in {self.data_dir}: {answer.stderr.strip()}"
            )
        return self._url(name)

    def close(self) -> None:
        """Stop using the server. If nobody else uses it, it has stopped when this returns."""
        with self._lock:
            link, self._link = self._link, None
            if link is not None:
                link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _url(self, database: str) -> str:
        host = quote(str(self.socket_dir), safe="/")
        return f"postgresql://{SUPERUSER}@/{quote(database, safe='')}?host={host}&port={PORT}"
