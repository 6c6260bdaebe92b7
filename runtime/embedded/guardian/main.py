"""The guardian's life, from the first user to the last.

lock the data directory → listen → make the cluster if there is none → run PostgreSQL, restarting
it whenever it ends by itself → the last user leaves → stop it → remove what was temporary → end.
"""

import fcntl
import os
import shutil
import socket
import sys
import time
from itertools import chain, repeat
from pathlib import Path

from runtime.embedded.guardian import cluster, identity, plan, reach
from runtime.embedded.guardian.plan import Plan, Ready
from runtime.embedded.guardian.postmaster import Postmaster, StartFailed
from runtime.embedded.guardian.users import Dismissed, NobodyLeft, Users

_LOCK_WAIT = 90.0
"""Seconds for a predecessor to finish its stop (60 s for a clean one, 20 s to end it by force)."""

_RESTART_PAUSES = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)
"""Seconds before each attempt to start a server that has crashed; the last one repeats."""

_EXPECTED = (cluster.ClusterError, identity.NoIdentityError, StartFailed, OSError)
"""What a user is told, rather than the log."""


def main(descriptor: int) -> None:
    """Become a guardian whose first user is at the other end of this descriptor."""
    if os.fork() != 0:
        os._exit(0)  # so that the guardian is nobody's child and leaves no zombie with a user
    os.setsid()
    os.chdir("/")
    os.umask(0o077)
    os.set_inheritable(descriptor, False)  # PostgreSQL must not hold it
    connection = socket.socket(fileno=descriptor)
    with connection.makefile("rb") as lines:
        line = lines.readline()
    if line:
        Guardian(Plan(**plan.decode(line)), connection).live()


class Guardian:
    """Holds one data directory, its server and its users."""

    def __init__(self, wanted: Plan, first: socket.socket) -> None:
        if sys.platform == "linux":
            from runtime.embedded.guardian import linux

            linux.adopt_orphans()
        self._plan = wanted
        self._users = Users(first)
        self._root = Path(wanted.root)
        self._socket_dir = Path(wanted.socket_dir)
        self._lock = os.open(self._root / plan.GUARDIAN_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        self._postmaster: Postmaster | None = None
        self._leads = False

    def live(self) -> None:
        """Serve until nobody is left, then leave nothing behind."""
        try:
            self._take_over()
            self._serve()
        except NobodyLeft:
            self._stop()
        except Dismissed:
            self._stop(at_once=True)
        except _EXPECTED as error:
            self._users.refuse(str(error))
            self._stop()
        finally:
            self._leave()

    def _take_over(self) -> None:
        end = time.monotonic() + _LOCK_WAIT
        while not self._locked():
            if time.monotonic() > end:
                raise StartFailed(
                    "Another guardian holds it and can't be reached from here (is it in another "
                    "container?), or doesn't end."
                )
            self._users.pause(0.01)
        self._leads = True

    def _locked(self) -> bool:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _serve(self) -> None:
        who = identity.choose(self._plan.identity)
        self._open(who)
        if who.name == identity.SETUID:
            self._plan = reach.prepare(self._plan, who)
        pgdata = cluster.ensure(self._plan, who, self._users)
        self._postmaster = postmaster = Postmaster(self._plan, who, pgdata)
        postmaster.start(self._users)
        ready = Ready(self._plan.socket_dir, self._plan.bin_dir, self._plan.version, os.getpid())
        while True:
            self._users.welcome(ready)
            self._users.watch()
            if not postmaster.running:
                self._restart(postmaster)

    def _open(self, who: identity.Identity) -> None:
        """Make the socket directory and let others join."""
        cluster.private_directory(self._socket_dir, who)
        self._users.listen(self._socket_dir / "guardian")
        record = self._root / plan.RECORD
        new = record.with_suffix(".new")
        new.write_bytes(plan.encode({"socket": str(self._socket_dir / "guardian")}))
        new.rename(record)

    def _restart(self, postmaster: Postmaster) -> None:
        for pause in chain(_RESTART_PAUSES, repeat(_RESTART_PAUSES[-1])):
            self._users.pause(pause)
            try:
                postmaster.start(self._users)
            except (StartFailed, OSError) as error:
                print(f"headrace: {error} Trying again.", file=sys.stderr, flush=True)
            else:
                return

    def _stop(self, *, at_once: bool = False) -> None:
        self._users.stop_listening()
        if self._postmaster is not None:
            self._postmaster.stop(at_once=at_once or self._plan.ephemeral)

    def _leave(self) -> None:
        if not self._leads:
            return
        (self._root / plan.RECORD).unlink(missing_ok=True)
        _remove(self._socket_dir)
        if self._plan.ephemeral:
            _remove(self._root)
        self._users.part()


def _remove(folder: Path) -> None:
    if folder.exists():
        try:
            shutil.rmtree(folder)
        except OSError as error:
            print(f"headrace: {folder} can't be removed: {error}", file=sys.stderr, flush=True)
