"""Runs a command under a constraint: `sandbox.py CONSTRAINT COMMAND...`. Only root needs it.

- `ordinary`: as another user. Where that user can't reach Python itself (a Python below /root), as
  a user of that uid in a user namespace: it isn't root there, but owns what root owns outside;
  where there are no namespaces either, as one that keeps the right to enter any directory.
- `no-namespaces`: as root, where user namespaces are refused, as in Docker.
"""

import os
import socket
import sys
import sysconfig
from pathlib import Path
from typing import NoReturn

from runtime.embedded.guardian import identity, linux

_OTHER = 65534


def main(constraint: str, command: list[str]) -> NoReturn:
    if os.geteuid() == 0:
        {"ordinary": become_ordinary, "no-namespaces": give_up_namespaces}[constraint]()
    os.execv(command[0], command)


def become_ordinary() -> None:
    """Become another user for good."""
    if _other_user_reaches_python():
        _switch()
    elif identity.named(identity.NAMESPACE) is not None:
        linux.enter_user_namespace(_OTHER)
    else:
        linux.become_with_capability(_OTHER, _OTHER, linux.CAP_DAC_OVERRIDE)


def give_up_namespaces() -> None:
    """Continue as root of a namespace in which no further one is allowed."""
    if identity.named(identity.NAMESPACE) is None:
        return
    ours, theirs = socket.socketpair()
    parent = os.getpid()
    helper = os.fork()
    if helper == 0:
        ours.recv(1)
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{parent}/{name}").write_text("0 0 65536")
        ours.send(b".")
        os._exit(0)
    linux.unshare_user_namespace()
    theirs.send(b".")
    theirs.recv(1)
    os.waitpid(helper, 0)
    Path("/proc/sys/user/max_user_namespaces").write_text("0")


def _switch() -> None:
    os.setgroups([])
    os.setgid(_OTHER)
    os.setuid(_OTHER)


def _other_user_reaches_python() -> bool:
    needed = [sys.executable, sysconfig.get_path("stdlib"), __file__]
    pid = os.fork()
    if pid == 0:
        _switch()
        os._exit(0 if all(os.access(path, os.R_OK) for path in needed) else 1)
    return os.waitpid(pid, 0)[1] == 0


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
