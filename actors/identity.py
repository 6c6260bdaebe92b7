"""Who this node is: what its row in the table `node` says.

Rule: boot id, pid and the process's start time together name one process for ever, so a node that
starts on the same machine can tell that its predecessor is gone. The boot id is also that of the
pid namespace: whoever lives in another one, such as a container's, cannot be seen from here.
"""

from __future__ import annotations

import os
import platform
import socket
import uuid
from collections.abc import Sequence
from pathlib import Path

from actors.store.protocol import NodeInfo
from runtime.version import our_version

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PID_NAMESPACE = Path("/proc/self/ns/pid")


def this_node(queues: Sequence[str], workers: int) -> NodeInfo:
    """This process as a node that serves `queues` with so many Workers."""
    host = socket.gethostname()
    pid = os.getpid()
    return NodeInfo(
        name=f"{host}:{pid}",
        host=host,
        boot_id=_boot_id(),
        pid=pid,
        pid_started=process_started(pid),
        version=our_version(),
        queues=tuple(queues),
        workers=workers,
    )


def process_started(pid: int) -> str:
    """When this process started, as its kernel counts it; "" if there is none or nobody can say."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]  # field 22: clock ticks since boot


def _boot_id() -> str:
    """Differs after each boot and in each pid namespace. Without /proc, the machine's address."""
    try:
        return f"{_BOOT_ID.read_text().strip()} {_PID_NAMESPACE.stat().st_ino}"
    except OSError:
        return f"{platform.node()}-{uuid.getnode():x}"
