"""The bridges under test, all by one name."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

import pytest

from actors.store.bridge import Bridge, BridgeKind, open_bridge
from tests.support.shared_database import module_database_url, shared_database_url

__all__ = ["OpenBridge", "module_database_url", "open_this_bridge", "shared_database_url"]

OpenBridge = Callable[..., AbstractAsyncContextManager[Bridge]]

_KINDS = ["thread, uvloop", "thread, asyncio"]
if sys.version_info < (3, 14):  # where trio-asyncio can be imported
    _KINDS.append("trio-asyncio")


@pytest.fixture(params=_KINDS)
def open_this_bridge(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> OpenBridge:
    """`open_bridge` for one of the bridges."""
    name: str = request.param
    if name == "thread, asyncio":
        monkeypatch.setattr("actors.store.bridge.thread.new_loop", asyncio.SelectorEventLoop)
    kind: BridgeKind = "trio-asyncio" if name == "trio-asyncio" else "thread"
    return partial(open_bridge, kind=kind)
