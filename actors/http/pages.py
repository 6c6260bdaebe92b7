"""What is where: a table of paths, each with a function that gives the page. No I/O here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs
import msgspec

from actors.http.health import Check, Health, Loop
from actors.metrics import Metrics
from actors.metrics.recorder import CONTENT_TYPE as METRICS_TYPE

_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json"
_METHODS = (b"GET", b"HEAD")


@attrs.frozen
class Response:
    """What is sent for a request. `headers` besides the usual ones."""

    status: int
    body: bytes
    content_type: str = _TEXT
    headers: tuple[tuple[str, str], ...] = ()


Page = Callable[[], Response]


def pages(metrics: Metrics, health: Health) -> dict[str, Page]:
    """The table: path to page."""
    return {
        "/metrics": lambda: Response(200, metrics.render(), METRICS_TYPE),
        "/healthz": lambda: healthz(health),
        "/readyz": lambda: readyz(health),
    }


def respond(table: Mapping[str, Page], method: bytes, target: bytes) -> Response:
    """The response to a request for `target`; an index at "/", 404 and 405 included."""
    path = target.partition(b"?")[0].decode("ascii", "replace")
    if path != "/" and path not in table:
        return Response(404, b"no such page; / lists those that are\n")
    if method not in _METHODS:
        return Response(405, b"only GET and HEAD\n", headers=(("allow", "GET, HEAD"),))
    return _index(table) if path == "/" else table[path]()


def healthz(health: Health) -> Response:
    """200 while every loop is alive; 503 with the names of those that are stuck."""
    loops = health.loops()
    stuck = [loop.name for loop in loops if loop.stuck]
    return _json(
        not stuck,
        {
            "status": "stuck" if stuck else "alive",
            "stuck": stuck,
            "loops": {loop.name: _loop(loop) for loop in loops},
        },
    )


def readyz(health: Health) -> Response:
    """200 while everything that work needs is there; 503 with what is missing."""
    checks = health.checks()
    ready = all(check.ok for check in checks)
    return _json(
        ready,
        {
            "status": "ready" if ready else "not ready",
            "checks": {check.name: _check(check) for check in checks},
        },
    )


def _loop(loop: Loop) -> dict[str, object]:
    age, within = round(loop.age_seconds, 3), loop.within_seconds
    return {"age_seconds": age, "within_seconds": within, "stuck": loop.stuck}


def _check(check: Check) -> dict[str, object]:
    return {"ok": check.ok} | ({"why": check.why} if check.why else {})


def _json(good: bool, content: Mapping[str, object]) -> Response:
    return Response(200 if good else 503, msgspec.json.encode(content) + b"\n", _JSON)


def _index(table: Mapping[str, Page]) -> Response:
    return Response(200, "".join(f"{path}\n" for path in table).encode())
