"""Database URLs: what is a usable one, what of it the driver may see, and how to show it.

Rule: no password ever reaches a message. Pure.
"""

from __future__ import annotations

from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from runtime.errors import ConfigError

SCHEMES = ("postgresql", "postgres")
# How long one attempt to connect may take, in seconds, unless the URL says connect_timeout.
CONNECT_SECONDS = 10.0
# Parameters of libpq that asyncpg would send to the server, which refuses what it does not know.
# Hosting companies put them into the URLs that they hand out.
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


def check_url(url: str) -> None:
    """Raises: ConfigError, naming what is wrong and never the password."""
    try:
        parts = urlsplit(url)
        parse_qsl(parts.query, strict_parsing=bool(parts.query))
    except ValueError:
        raise ConfigError("database URL: cannot be read as a URL") from None
    if parts.scheme not in SCHEMES:
        raise ConfigError(
            f"database URL: scheme {parts.scheme!r}; give postgresql://user@host:port/database"
        )
    for port in _ports(parts):
        if not (port.isdecimal() and 0 < int(port) < 65536):
            raise ConfigError(f"database URL {redacted(url)}: port {port!r} is not a number")


def for_driver(url: str) -> str:
    """The URL without the parameters that asyncpg does not understand."""
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    kept = [(key, value) for key, value in pairs if key not in _LIBPQ_ONLY]
    if len(kept) == len(pairs):
        return url
    return urlunsplit(parts._replace(query=urlencode(kept, quote_via=quote)))


def connect_seconds(url: str) -> float:
    """How long one attempt to connect may take."""
    for key, value in parse_qsl(urlsplit(url).query):
        if key == "connect_timeout" and value.isdecimal() and int(value) > 0:
            return float(value)
    return CONNECT_SECONDS


def redacted(url: str) -> str:
    """Host, port and database of a URL, for messages."""
    try:
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query))
    except ValueError:
        return "(unreadable)"
    host = parts.netloc.rpartition("@")[2] or query.get("host", "localhost")
    database = parts.path.lstrip("/") or query.get("dbname", query.get("database", ""))
    return f"{unquote(host)}/{unquote(database)}"


def _ports(parts: SplitResult) -> list[str]:
    hosts = parts.netloc.rpartition("@")[2].split(",")
    found = [host.rpartition("]")[2].partition(":")[2] for host in hosts]
    return [port for port in found if port]
