"""As whom PostgreSQL runs. It refuses to run as root, so root has to become somebody else.

- `direct`: an ordinary user runs PostgreSQL as itself.
- `namespace`: root, in a user namespace in which it's called nobody. Files remain root's own.
- `capability`: where namespaces are blocked (Docker's default): the user postgres or nobody, with
  CAP_DAC_OVERRIDE kept, so that directories that only root may enter (/root) do no harm.
- `setuid`: the plain user postgres or nobody. Data directory and binaries must be reachable for it;
  binaries that aren't are copied (see `binaries_copy`), a data directory that isn't is an error.

No user is added to the system and no directory but our own is changed.
"""

import os
import pwd
import sys
from collections.abc import Callable
from typing import NamedTuple

DIRECT, NAMESPACE, CAPABILITY, SETUID = "direct", "namespace", "capability", "setuid"
AUTOMATIC = "auto"
ENVIRONMENT = "HEADRACE_POSTGRES_IDENTITY"
"""Forces one of the ways above; for tests and for odd sandboxes."""

NOBODY = 65534
"""The overflow uid of Linux: what an unmapped user is shown as anyway."""


class Identity(NamedTuple):
    """One way to run PostgreSQL, tried and found to work."""

    name: str
    uid: int
    """Owner of the files, as the kernel sees it from outside."""
    gid: int
    enter: Callable[[], None]
    """Makes the calling process (a fresh child) this identity."""


class NoIdentityError(Exception):
    """No way was found to run PostgreSQL as somebody other than root."""


def choose(wanted: str) -> Identity:
    """The wanted identity, or with `auto` the first that works here. Raises NoIdentityError."""
    if os.geteuid() != 0:
        return _direct()
    names = (NAMESPACE, CAPABILITY, SETUID) if wanted == AUTOMATIC else (wanted,)
    for name in names:
        identity = _identity(name)
        if identity is not None and works(identity):
            return identity
    raise NoIdentityError(
        "PostgreSQL refuses to run as root, and this system allows root neither a user namespace "
        f"nor to become another user (tried: {', '.join(names)}). Run as an ordinary user."
    )


def works(identity: Identity, also: Callable[[], bool] = lambda: True) -> bool:
    """Whether a process can take this identity and then finds `also` true. Tried in a fork."""
    pid = os.fork()
    if pid == 0:
        good = False
        try:
            identity.enter()
            good = os.geteuid() != 0 and also()
        finally:
            os._exit(0 if good else 1)
    return os.waitpid(pid, 0)[1] == 0


def _direct() -> Identity:
    return Identity(DIRECT, os.geteuid(), os.getegid(), lambda: None)


def _identity(name: str) -> Identity | None:
    uid, gid = _unprivileged()
    if name == SETUID:
        return Identity(SETUID, uid, gid, lambda: _become(uid, gid))
    if sys.platform != "linux":
        return None
    from runtime.embedded.guardian import linux

    if name == NAMESPACE:
        enter = lambda: linux.enter_user_namespace(NOBODY)  # noqa: E731
        return Identity(NAMESPACE, os.geteuid(), os.getegid(), enter)
    if name == CAPABILITY:
        keep = lambda: linux.become_with_capability(uid, gid, linux.CAP_DAC_OVERRIDE)  # noqa: E731
        return Identity(CAPABILITY, uid, gid, keep)
    return None


def _become(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _unprivileged() -> tuple[int, int]:
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    return NOBODY, NOBODY
