"""Which TCP ports a process listens on, and at which addresses. Linux.

Source: proc(5), /proc/pid/net/tcp and tcp6; addresses there are words of the machine's own order.
"""

from __future__ import annotations

import os
import re
import socket
import sys
from pathlib import Path

_LISTENS = "0A"


def listening(pid: int) -> set[tuple[str, int]]:
    """Address and port of each socket on which this process accepts TCP connections."""
    ours = _sockets(pid)
    found = set()
    for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == _LISTENS and words[9] in ours:
                address, _, port = words[1].partition(":")
                found.add((_address(family, address), int(port, 16)))
    return found


def _sockets(pid: int) -> set[str]:
    """The inodes of its sockets."""
    found = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            match = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(descriptor))
        except FileNotFoundError:
            continue  # closed meanwhile
        if match:
            found.add(match[1])
    return found


def _address(family: socket.AddressFamily, text: str) -> str:
    words = (int(text[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(text), 8))
    return socket.inet_ntop(family, b"".join(words))
