"""AesGcm: a layer that encrypts, with keys that can be changed while jobs wait.

Rules: a key is never shown: not in a repr, a message, a log or a pickle. New payloads are written
with one key, the current one; all are read. What was encrypted for one job, kind and field is
refused for another (AES-GCM's additional data). Source: NIST SP 800-38D; a nonce is 96 random bits,
so a key may encrypt 2^32 payloads (section 8.3): rotate it before that. What is bound to no single
job, such as a schedule's args, has an HMAC of itself for its nonce: so that the same definition is
stored as the same, and two that differ have nonces that are as good as random.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import importlib
import os
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from runtime.codec.envelope import TO_KIND
from runtime.errors import CodecError, ConfigError, UsageError

Keys = Mapping[str, bytes | str]

_NONCE_BYTES = 12
_TAG_BYTES = 16
_KEY_BYTES = frozenset({16, 24, 32})
_LONGEST_KEY_ID = 64  # characters
_KID = "kid"


class AesGcm:
    """Encrypts and authenticates payloads with AES-GCM. Needs `headrace[crypto]`.

    Args: keys: by key id, of 16, 24 or 32 bytes (or those in base64); or a function that returns
    such, called once in a process: by a node before it serves, else at the first payload. current:
    the id of the key for new payloads; by default the first.
    Raises: ConfigError, which shows no key.
    """

    name = "aesgcm"

    def __init__(self, keys: Keys | Callable[[], Keys], current: str | None = None) -> None:
        self._cipher = _cipher()
        self._source = keys if callable(keys) else None
        self._current = current
        self._ring = None if callable(keys) else _ring(keys, current, self._cipher)

    @classmethod
    def from_env(cls, variable: str) -> AesGcm:
        """With the keys of an environment variable: ``2026:<base64>,2025:<base64>``.

        The first is the current one. It is read as a function of the keys would be called.
        """
        return cls(_FromEnvironment(variable))

    def __repr__(self) -> str:
        if self._ring is None:
            return "AesGcm(keys of a function)"
        return f"AesGcm(current={self._ring.current!r}, {len(self._ring.ciphers)} keys)"

    def __getstate__(self) -> dict[str, Any]:
        if self._source is None:
            raise UsageError(
                "an app whose AesGcm was given its keys as values cannot be pickled, for the keys "
                "would lie in the pickle: give a function, or use AesGcm.from_env"
            )
        return {"_source": self._source, "_current": self._current}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _ring=None, _cipher=_cipher())

    def prepare(self) -> None:
        """Have the keys now. A node's fork server does this, and serves nothing without."""
        self._opened()

    def encode(self, data: bytes, bound: bytes) -> tuple[bytes, Mapping[str, str]]:
        """See Codec."""
        ring = self._opened()
        if bound.startswith(TO_KIND):
            nonce = hmac.digest(ring.nonce_key, bound + b"\0" + data, "sha256")[:_NONCE_BYTES]
        else:
            nonce = os.urandom(_NONCE_BYTES)
        secret: bytes = ring.ciphers[ring.current].encrypt(nonce, data, bound)
        return nonce + secret, {_KID: ring.current}

    def decode(self, data: bytes, bound: bytes, beside: Mapping[str, str]) -> bytes:
        """See Codec."""
        ring = self._opened()
        kid = beside.get(_KID, "")
        cipher = ring.ciphers.get(kid)
        if cipher is None:
            have = ", ".join(ring.ciphers)
            raise CodecError(
                self.name, f"needs the key {kid!r}, which is missing; there is: {have}", kid
            )
        if len(data) < _NONCE_BYTES + _TAG_BYTES:
            raise CodecError(self.name, "is cut", kid)
        try:
            plain: bytes = cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], bound)
        except _invalid_tag():
            reason = f"does not open with the key {kid!r}: that is another key than it was sealed"
            raise CodecError(
                self.name, f"{reason} with, or it was changed, or is another job's", kid
            ) from None
        return plain

    def _opened(self) -> _Ring:
        if self._ring is None:
            keys = {} if self._source is None else self._source()
            self._ring = _ring(keys, self._current, self._cipher)
        return self._ring


@attrs.frozen
class _Ring:
    """The keys, as ciphers, by id."""

    current: str
    ciphers: Mapping[str, Any] = attrs.field(repr=False)
    nonce_key: bytes = attrs.field(repr=False)  # made from the current key


@attrs.frozen
class _FromEnvironment:
    """Reads keys from an environment variable."""

    variable: str

    def __call__(self) -> Keys:
        text = os.environ.get(self.variable, "")
        parts = [part.strip().partition(":") for part in text.split(",") if part.strip()]
        if not parts or not all(colon for _, colon, _ in parts):
            raise ConfigError(
                f"{self.variable} holds no keys: write <key id>:<base64>, with commas between"
            )
        return {kid: secret for kid, _, secret in parts}


def _ring(keys: Keys, current: str | None, cipher: Any) -> _Ring:
    given: object = keys  # by whoever wrote the app, or a function of theirs
    if not isinstance(given, Mapping) or not given:
        raise ConfigError("AesGcm takes keys by their ids, at least one")
    kid: object
    for kid in given:
        if not isinstance(kid, str) or not 1 <= len(kid) <= _LONGEST_KEY_ID:
            raise ConfigError(f"a key id is text of 1 to {_LONGEST_KEY_ID} characters")
    chosen = next(iter(keys)) if current is None else current
    if chosen not in keys:
        raise ConfigError(f"the current key {chosen!r} is not among the keys: {', '.join(keys)}")
    secrets = {kid: _secret(kid, given) for kid, given in keys.items()}
    ciphers = {kid: cipher(secret) for kid, secret in secrets.items()}
    return _Ring(chosen, ciphers, hmac.digest(secrets[chosen], b"headrace nonce", "sha256"))


def _secret(kid: str, given: object) -> bytes:
    if isinstance(given, str):
        try:
            given = base64.b64decode(given.replace("-", "+").replace("_", "/"), validate=True)
        except (binascii.Error, ValueError):
            given = None
    if not isinstance(given, bytes | bytearray) or len(given) not in _KEY_BYTES:
        raise ConfigError(f"the key {kid!r} must be 16, 24 or 32 bytes, or those in base64")
    return bytes(given)


def _cipher() -> Any:
    try:
        return importlib.import_module("cryptography.hazmat.primitives.ciphers.aead").AESGCM
    except ImportError as error:
        raise ConfigError(
            "AesGcm needs the package cryptography: pip install 'headrace[crypto]'"
        ) from error


def _invalid_tag() -> type[Exception]:
    error: type[Exception] = importlib.import_module("cryptography.exceptions").InvalidTag
    return error
