"""Tells systemd how far we are, where it asked to be told (Type=notify)."""

from __future__ import annotations

import logging
import os
import socket

logger = logging.getLogger("headrace")

_VARIABLE = "NOTIFY_SOCKET"


def tell_service_manager(state: str) -> None:
    """Send such as "READY=1"; nothing where nobody asked. Source: sd_notify(3)."""
    address = os.environ.get(_VARIABLE, "")
    if not address:
        return
    if address.startswith("@"):  # an abstract address, in its printable form
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.sendto(state.encode(), address)
    except OSError as error:
        logger.warning("cannot tell %s: %s", _VARIABLE, error)
