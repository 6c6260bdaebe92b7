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
# In these a raw @ is meant as it stands.
_MAY_HAVE_AT = frozenset({"user", "password", "sslpassword"})
_UNREADABLE = "(unreadable)"
_ENCODE = "in user and password write / as %2F, ? as %3F, # as %23, @ as %40 and : as %3A"
_TORN = f"database URL: there is an @ or # where none may stand; {_ENCODE}"


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
    if _is_torn(parts):
        raise ConfigError(_TORN)
    if not _ports_are_numbers(parts):  # it may be a piece of a password: do not show it
        raise ConfigError(f"database URL: its port is no number from 1 to 65535; {_ENCODE}")


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
    """Host, port and database of a URL, for messages; of one that `check_url` refuses, nothing."""
    try:
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query))
    except ValueError:
        return _UNREADABLE
    if parts.scheme not in SCHEMES or _is_torn(parts) or not _ports_are_numbers(parts):
        return _UNREADABLE
    host = parts.netloc.rpartition("@")[2] or query.get("host", "localhost")
    database = parts.path.lstrip("/") or query.get("dbname", query.get("database", ""))
    return f"{unquote(host)}/{unquote(database)}"


def meaningless(url: str, error: Exception) -> ConfigError:
    """The driver refused the URL, in words that may show it: ours instead."""
    kind = type(error).__name__
    return ConfigError(f"database URL {redacted(url)}: the driver finds no meaning in it ({kind})")


def _is_torn(parts: SplitResult) -> bool:
    """Whether the URL was split inside a password: what follows it stands in the wrong part."""
    pieces = parts.query.split("&")
    strange = [piece for piece in pieces if piece.partition("=")[0] not in _MAY_HAVE_AT]
    return bool(parts.fragment) or any("@" in text for text in (parts.path, *strange))


def _ports_are_numbers(parts: SplitResult) -> bool:
    hosts = parts.netloc.rpartition("@")[2].split(",")
    ports = [host.rpartition("]")[2].partition(":")[2] for host in hosts]
    return all(not port or (port.isdecimal() and 0 < int(port) < 65536) for port in ports)
