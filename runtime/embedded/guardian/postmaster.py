"""The server process: its command line, its start until `ready`, its stop.

Rules: it's our child, never a daemon of pg_ctl; it listens on its unix socket only; a start after
an unclean end is tried again for a while, since the kernel may still be clearing up.
"""

import signal
import time
from pathlib import Path

from runtime.embedded.guardian import stale
from runtime.embedded.guardian.children import Child, reap_orphans, spawn
from runtime.embedded.guardian.cluster import clean_environment
from runtime.embedded.guardian.identity import Identity
from runtime.embedded.guardian.plan import PORT, Plan
from runtime.embedded.guardian.users import Users

_POLL = 0.005
"""Seconds between looks at postmaster.pid; pg_ctl's 100 ms would be most of a warm start."""

_UNCLEAN_RETRIES = 10.0
"""Seconds. A killed postmaster's backends and zombie were gone after 1 to 3 s in measurements."""

_FAST_STOP = 60.0
"""Seconds for a clean stop; it includes a checkpoint of at most shared_buffers."""

_IMMEDIATE_STOP = 10.0

_SIGNAL_AGAIN = 0.25
"""Seconds. A child that was just forked ignores signals, as we do, until it runs PostgreSQL."""

_DURABLE = {"max_connections": "100", "shared_buffers": "128MB", "log_min_messages": "warning"}

_EPHEMERAL = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


class StartFailed(Exception):
    """The server ended before it was ready."""


class Postmaster:
    """PostgreSQL on one cluster directory, started again as often as needed."""

    def __init__(self, plan: Plan, identity: Identity, pgdata: Path) -> None:
        self._plan = plan
        self._identity = identity
        self._pgdata = pgdata
        self._command = command_line(plan, pgdata)
        self._child: Child | None = None

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        reap_orphans(self._child)
        return self._child is not None and self._child.status is None

    def start(self, users: Users) -> None:
        """Start it and wait until it's ready. Raises StartFailed."""
        unclean = stale.pid_of(self._pgdata) is not None
        give_up = time.monotonic() + (_UNCLEAN_RETRIES if unclean else 0)
        while not self._start_once(users):
            if time.monotonic() >= give_up:
                raise StartFailed(f"PostgreSQL ended with status {self._status} while starting.")
            users.pause(0.1)

    def stop(self, *, at_once: bool) -> None:
        """Stop it cleanly, or at once as in a crash, from which the next start recovers."""
        if not at_once and self._end(signal.SIGINT, _FAST_STOP):
            return
        if not self._end(signal.SIGQUIT, _IMMEDIATE_STOP):
            self._end(signal.SIGKILL, _IMMEDIATE_STOP)

    @property
    def _status(self) -> int | None:
        return None if self._child is None else self._child.status

    def _start_once(self, users: Users) -> bool:
        self._clear_the_way(users)
        self._child = child = spawn(
            self._command, self._identity, clean_environment(), signal.SIGINT
        )
        while self.running:
            if stale.status_of(self._pgdata, child.pid) == stale.READY:
                return True
            users.watch(_POLL)
        return False

    def _clear_the_way(self, users: Users) -> None:
        """Deal with what a predecessor left: a server that is still ending, or a stale pid file."""
        end = time.monotonic() + _UNCLEAN_RETRIES
        while (pid := stale.pid_of(self._pgdata)) and stale.lives(pid, self._pgdata):
            if time.monotonic() > end:
                raise StartFailed(f"Another PostgreSQL, process {pid}, uses the data directory.")
            users.pause(0.02)
        stale.remove(self._pgdata, Path(self._plan.socket_dir))

    def _end(self, number: int, seconds: float) -> bool:
        end = time.monotonic() + seconds
        again = 0.0
        while self.running and self._child is not None:
            now = time.monotonic()
            if now > end:
                return False
            if now > again:
                self._child.signal(number)
                again = now + _SIGNAL_AGAIN
            time.sleep(_POLL)
        return True


def command_line(plan: Plan, pgdata: Path) -> list[str]:
    """`postgres` with our settings; the user's come last and win."""
    settings = {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": '"' + plan.socket_dir.replace('"', '""') + '"',
        "unix_socket_permissions": "0700",
        "cluster_name": "headrace",
        "log_checkpoints": "off",
        "log_line_prefix": "%m [%p] ",
        **_DURABLE,
        **(_EPHEMERAL if plan.ephemeral else {}),
        **_statistics(Path(plan.bin_dir)),
        **plan.settings,
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return [f"{plan.bin_dir}/postgres", "-D", str(pgdata), *options]


def _statistics(bin_dir: Path) -> dict[str, str]:
    for folder in ("lib", "lib/postgresql", "lib64", "lib64/pgsql"):
        for suffix in ("so", "dylib"):
            if (bin_dir.parent / folder / f"pg_stat_statements.{suffix}").exists():
                return {"shared_preload_libraries": "pg_stat_statements"}
    return {}
