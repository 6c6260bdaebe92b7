"""Where a client's database is: which URL, and what of it the driver may see.

Rule: no password ever reaches a message.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from runtime.errors import ConfigError

VARIABLES = ("HEADRACE_DATABASE_URL", "DATABASE_URL")
_SCHEMES = ("postgresql", "postgres")
# Parameters of libpq that asyncpg would hand on to the server, which refuses what it does not know.
_LIBPQ_ONLY = frozenset(
    {
        "channel_binding",
        "connect_timeout",
        "fallback_application_name",
        "gssencmode",
        "hostaddr",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "load_balance_hosts",
        "require_auth",
        "sslcertmode",
        "sslcompression",
        "sslsni",
        "tcp_user_timeout",
    }
)


def database_url(given: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """The URL given, or the environment's. Raises: ConfigError, for none or an unusable one."""
    found = (given, *(environment.get(name) for name in VARIABLES))
    url = next((one for one in found if one), None)
    if url is None:
        raise ConfigError(f"no database URL: give one, or set {' or '.join(VARIABLES)}")
    scheme = urlsplit(url).scheme
    if scheme not in _SCHEMES:
        raise ConfigError(
            f"database URL: scheme {scheme!r}; give postgresql://user@host:port/database"
        )
    return url


def for_asyncpg(url: str) -> str:
    """The URL without the parameters that asyncpg does not understand."""
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    kept = [(key, value) for key, value in pairs if key not in _LIBPQ_ONLY]
    return urlunsplit(parts._replace(query=urlencode(kept, quote_via=quote)))


def shown(url: str) -> str:
    """Host and database of a URL, for messages."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    host = parts.netloc.rpartition("@")[2] or query.get("host", "localhost")
    return f"{host}{parts.path}"
