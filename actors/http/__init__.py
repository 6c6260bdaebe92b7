"""HTTP for operators: /metrics, /healthz, /readyz. `Http` is the actor, `Health` what it asks.

    connection ─▶ conversation (h11) ─▶ pages (a table) ─▶ Metrics, Health

`server` holds the listening socket, `conversation` speaks HTTP/1.1, `pages` says what is where,
`health` knows which loops are alive and what readiness is made of.
"""

from actors.http.health import Check, Health, Loop
from actors.http.pages import Page, Response, pages
from actors.http.server import Http

__all__ = ["Check", "Health", "Http", "Loop", "Page", "Response", "pages"]
