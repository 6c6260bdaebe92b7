"""TLS to the database: which of its options or files is at fault, and how its failures read.

The driver takes libpq's options from the URL, or else libpq's variables:

| option | variable | |
|---|---|---|
| sslmode | PGSSLMODE | without one, `prefer` over TCP, which verifies nothing |
| sslrootcert | PGSSLROOTCERT | who signs servers' certificates; else ~/.postgresql/root.crt |
| sslcrl | PGSSLCRL | which of those were revoked |
| sslcert, sslkey | PGSSLCERT, PGSSLKEY | our own certificate; sslpassword opens its key |

Rules: what cannot be used is a ConfigError that names option and file: the driver's own error names
neither, and looks like that of a database that is away. A server whose certificate is not to be
trusted is a database that is away: it may come back with a better one.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import attrs

from runtime.errors import ConfigError, StoreUnavailable

MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_CHECKING = ("require", "verify-ca", "verify-full")  # `require` only if it is given a root
_VARIABLES = {
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcrl": "PGSSLCRL",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
}


@attrs.frozen
class _Given:
    value: str
    source: str  # for messages


def fault(url: str, environment: Mapping[str, str] = os.environ) -> ConfigError | None:
    """Which option or file of TLS cannot be used, if any: asked when a connection was not made."""
    options = dict(parse_qsl(urlsplit(url).query))
    given = {name: one for name in _VARIABLES if (one := _find(name, options, environment))}
    mode = given.pop("sslmode", None)
    if mode is None or mode.value == "disable":
        return None
    return next(_faults(mode, given, options.get("sslpassword", "")), None)


def unavailable(where: str, error: Exception) -> StoreUnavailable:
    """What it means that a connection was not made, or was lost.

    Args: where: the database, without its password.
    """
    reason = str(error) or type(error).__name__
    if isinstance(error, ssl.SSLError):
        return StoreUnavailable(f"no TLS with database {where}: {reason}")
    return StoreUnavailable(f"database {where} did not answer: {reason}")


def _find(name: str, options: Mapping[str, str], environment: Mapping[str, str]) -> _Given | None:
    if name in options:
        return _Given(options[name], f"{name} in the database URL")
    value = environment.get(_VARIABLES[name], "")
    return _Given(value, f"environment {_VARIABLES[name]}") if value else None


def _faults(mode: _Given, given: Mapping[str, _Given], password: str) -> Iterator[ConfigError]:
    if mode.value not in MODES:
        yield ConfigError(f"{mode.source} is {mode.value!r}, but must be one of {', '.join(MODES)}")
    for one in given.values():
        try:
            Path(one.value).open("rb").close()
        except OSError as error:
            yield ConfigError(f"{one.source}: cannot read {one.value}: {error.strerror}")
    if mode.value in _CHECKING:
        yield from _of_signers(mode, given)
    yield from _of_our_own(given, password)


def _of_signers(mode: _Given, given: Mapping[str, _Given]) -> Iterator[ConfigError]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for one in (given[name] for name in ("sslrootcert", "sslcrl") if name in given):
        try:
            context.load_verify_locations(cafile=one.value)
        except OSError as error:
            yield _unusable(one, error)
    if mode.value != "require" and "sslrootcert" not in given and not _at_home("root.crt"):
        yield ConfigError(
            f"{mode.source} is {mode.value!r}, which needs sslrootcert or PGSSLROOTCERT:"
            " a file with the certificate of who signs the server's"
        )


def _of_our_own(given: Mapping[str, _Given], password: str) -> Iterator[ConfigError]:
    cert, key = given.get("sslcert"), given.get("sslkey")
    if cert is None:
        return
    keyfile = key.value if key else _at_home("postgresql.key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_cert_chain(cert.value, keyfile, password=lambda: password)
    except (OSError, ValueError) as error:  # ValueError: a password that is too long
        yield _unusable(key or cert, error)


def _at_home(name: str) -> str | None:
    """libpq's own place for a file, if it is there."""
    try:
        path = Path.home() / ".postgresql" / name
    except RuntimeError:  # no such user
        return None
    return str(path) if path.is_file() else None


def _unusable(one: _Given, error: Exception) -> ConfigError:
    return ConfigError(f"{one.source}: {one.value} cannot be used: {error}")
