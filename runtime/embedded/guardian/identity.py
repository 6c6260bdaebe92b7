"""As whom PostgreSQL runs. It refuses to run as root, so root has to become somebody else.

- `direct`: an ordinary user runs PostgreSQL as itself.
- `namespace`: root, in a user namespace in which it has an unprivileged user's name. Files remain
  root's own.
  Also for an ordinary user without a name in the system's list, whom initdb refuses.
- `capability`: where namespaces are blocked (Docker's default): the user postgres or nobody, with
  CAP_DAC_OVERRIDE kept, so that directories that only root may enter (/root) do no harm.
- `setuid`: the plain user postgres or nobody, to whom everything must be reachable: see `reach`.

No user is added to the system and no directory but our own is changed.
"""

import os
import pwd
import sys
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

DIRECT, NAMESPACE, CAPABILITY, SETUID = "direct", "namespace", "capability", "setuid"

AUTOMATIC = "auto"

ENVIRONMENT = "HEADRACE_POSTGRES_IDENTITY"
"""Forces one of root's ways above; for tests and for odd sandboxes."""

_NOBODY = 65534
"""The overflow uid of Linux: what an unmapped user is shown as anyway."""


class Identity(NamedTuple):
    """One way to run PostgreSQL, tried and found to work."""

    name: str
    uid: int
    """Owner of the files, as seen from outside of a namespace."""
    gid: int
    enter: Callable[[], None]
    """Makes the calling process (a fresh child) this identity."""


class NoIdentityError(Exception):
    """No way was found to run PostgreSQL as somebody other than root."""


def choose(wanted: str) -> Identity:
    """The wanted identity, or with `auto` the first that works here. Raises NoIdentityError."""
    names = _order(wanted)
    for name in names:
        if (identity := named(name)) is not None:
            return identity
    raise NoIdentityError(
        "PostgreSQL refuses to run as root, and root can't become another user here "
        f"(tried: {', '.join(names)}). Run as an ordinary user, or correct {ENVIRONMENT}."
    )


def named(name: str) -> Identity | None:
    """The identity of this name, if it works here."""
    identity = _identity(name)
    return identity if identity is not None and works(identity) else None


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


def _order(wanted: str) -> tuple[str, ...]:
    if os.geteuid() != 0:
        return (DIRECT,) if _has_name(os.geteuid()) else (NAMESPACE, DIRECT)
    return (NAMESPACE, CAPABILITY, SETUID) if wanted == AUTOMATIC else (wanted,)


def _identity(name: str) -> Identity | None:
    ours = os.geteuid(), os.getegid()
    other = _unprivileged()
    if name == DIRECT:
        return Identity(DIRECT, *ours, lambda: None)
    if name == SETUID:
        return Identity(SETUID, *other, partial(_become, *other))
    if sys.platform != "linux":
        return None
    from runtime.embedded.guardian import linux

    if name == NAMESPACE:
        return Identity(NAMESPACE, *ours, partial(linux.enter_user_namespace, other[0]))
    if name == CAPABILITY:
        enter = partial(linux.become_with_capability, *other, linux.CAP_DAC_OVERRIDE)
        return Identity(CAPABILITY, *other, enter)
    return None


def _become(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _unprivileged() -> tuple[int, int]:
    """Uid and gid of a user with few rights whom the system knows by name."""
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    return _NOBODY, _NOBODY


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
