"""The Linux calls that the standard library doesn't wrap. Import it on Linux only.

All of them act on the calling process. Sources: prctl(2), user_namespaces(7), capabilities(7).
"""

import ctypes
import os
import struct
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_SET_CHILD_SUBREAPER = 36
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CLONE_NEWUSER = 0x10000000
_CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE = 1

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, call: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


def _prctl(option: int, *arguments: int) -> None:
    padded = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    _check(_libc.prctl(option, *padded), f"prctl({option})")


def die_with_parent(signal_number: int, parent: int) -> None:
    """Get the signal when the parent ends. Raises ProcessLookupError if it has ended already.

    To be called after every change of credentials, which would clear it.
    """
    _prctl(_PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != parent:
        raise ProcessLookupError(f"parent {parent} has ended")


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent has ended, to see and reap their end."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def enter_user_namespace(uid: int) -> None:
    """Continue in a new user namespace in which our own uid and gid are called `uid`.

    Files stay ours under our real uid, and nobody has to be added to the system.
    """
    real_uid, real_gid = os.geteuid(), os.getegid()
    unshare_user_namespace()
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {real_uid} 1")
    Path("/proc/self/gid_map").write_text(f"{uid} {real_gid} 1")


def unshare_user_namespace() -> None:
    """Continue in a new user namespace that has no users yet."""
    _check(_libc.unshare(_CLONE_NEWUSER), "unshare(CLONE_NEWUSER)")


def become_with_capability(uid: int, gid: int, capability: int) -> None:
    """Continue as an ordinary user that keeps one capability, also across exec (ambient)."""
    _prctl(_PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    mask = 1 << capability
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    low, high = struct.pack("=III", mask, mask, mask), struct.pack("=III", 0, 0, 0)
    _check(_libc.capset(header, low + high), "capset")
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability)
