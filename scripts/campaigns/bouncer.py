"""PgBouncer in transaction mode before a PostgreSQL, to be killed and started again.

Rules: it is not ours to bring along; HEADRACE_PGBOUNCER names it, or it is found on PATH. It does
not run as root, so it runs as whoever the embedded PostgreSQL runs as. Its socket has a directory
of its own, for as long as it is used.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit

import attrs

from runtime.child.kernel import die_with
from runtime.embedded.guardian import identity
from scripts.campaigns.errors import CampaignFailed

VARIABLE = "HEADRACE_PGBOUNCER"
MISSING = f"PgBouncer is not here: install it (Debian: apt install pgbouncer), or set {VARIABLE}"
# Far fewer than nodes and clients have to PgBouncer, so that they share them in turns.
SERVER_CONNECTIONS = 5

_PORT = 6432
_ALSO = "/usr/sbin:/usr/local/sbin"  # where it is installed, and not every user's PATH leads
_READY_SECONDS = 10.0
_END_SECONDS = 10.0
_LOOK_SECONDS = 0.005
_LOG_TAIL = 5

_CONFIG = """\
[databases]
* = {upstream}
[pgbouncer]
pool_mode = transaction
default_pool_size = {connections}
max_client_conn = 500
auth_type = any
unix_socket_dir = {home}
listen_port = {port}
log_connections = 0
log_disconnections = 0
"""


def find() -> str | None:
    """Its path; None if it is not here."""
    named = os.environ.get(VARIABLE)
    if named:
        return shutil.which(named)
    return shutil.which("pgbouncer") or shutil.which("pgbouncer", path=_ALSO)


@attrs.define
class PgBouncer:
    """One that serves, unless it was just killed."""

    command: list[str]
    home: Path
    who: identity.Identity
    _process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the one that was started last."""
        assert self._process is not None
        return self._process.pid

    def through(self, url: str) -> str:
        """The address of the database `url`, as it is reached through this."""
        user = quote(_user(urlsplit(url)), safe="")
        host = quote(str(self.home), safe="/")
        return f"postgresql://{user}@/{urlsplit(url).path[1:]}?host={host}&port={_PORT}"

    def start(self) -> None:
        """Start it; returns when it takes connections. Raises CampaignFailed."""
        log = self.home / "log"
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                process_group=0,
                preexec_fn=self._become(os.getpid()),
            )
        deadline = time.monotonic() + _READY_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                tail = log.read_text(errors="replace").splitlines()[-_LOG_TAIL:]
                raise CampaignFailed("\n  ".join(["PgBouncer does not start:", *tail]))
            time.sleep(_LOOK_SECONDS)

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Let the transactions end that it has under way, as a restart does."""
        self._end(signal.SIGINT)

    def _end(self, number: signal.Signals) -> None:
        process = self._process
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _become(self, parent: int) -> Callable[[], None]:
        def become() -> None:
            self.who.enter()
            die_with(parent)  # after that: a change of user would clear it

        return become

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(str(self.home / f".s.PGSQL.{_PORT}"))
            except OSError:
                return False
        return True


@contextmanager
def pooling(url: str) -> Iterator[PgBouncer]:
    """A PgBouncer before the server of this database, for as long as the block lasts.

    Raises: CampaignFailed, if it is not here or does not start.
    """
    binary = find()
    if binary is None:
        raise CampaignFailed(MISSING)
    who = identity.choose(os.environ.get(identity.ENVIRONMENT, identity.AUTOMATIC))
    with tempfile.TemporaryDirectory(prefix="headrace-bouncer-") as folder:
        config = Path(folder) / "ini"
        config.write_text(_config(url, folder))
        for path in (folder, config):
            os.chown(path, who.uid, who.gid)
        bouncer = PgBouncer([binary, str(config)], Path(folder), who)
        try:
            bouncer.start()
            yield bouncer
        finally:
            bouncer.kill()


def _config(url: str, home: str) -> str:
    parts = urlsplit(url)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    upstream = {
        "host": query.get("host") or parts.hostname or "localhost",
        "port": query.get("port") or str(parts.port or 5432),
        "user": _user(parts),
        "password": unquote(parts.password or ""),
    }
    written = " ".join(f"{name}={_quoted(value)}" for name, value in upstream.items() if value)
    return _CONFIG.format(upstream=written, connections=SERVER_CONNECTIONS, home=home, port=_PORT)


def _user(parts: SplitResult) -> str:
    return unquote(parts.username or "") or "postgres"


def _quoted(value: str) -> str:
    doubled = value.replace("'", "''")
    return f"'{doubled}'"
