"""Compress: a layer that makes large payloads smaller, with zlib, which every Python has."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import attrs

from runtime.errors import CodecError, UsageError
from runtime.payload import LARGEST_LIMIT_BYTES

_BEST_LEVEL = 9
# Below this zlib's own header and base64 eat up what is won; a row is small either way.
LEAST_BYTES = 1024
# Base64 makes three bytes four: what is not smaller by that is left as it is.
_WORTH = 0.75


@attrs.frozen
class Compress:
    """Compresses payloads of at least `least_bytes` of JSON, if that makes them smaller.

    Put it before encryption: what is encrypted cannot be compressed. Beware: compressed and then
    encrypted, the length of a payload tells something of what is in it.

    Args: level: 1 fast to 9 small, zlib's. Raises: UsageError.
    """

    level: int = 6
    least_bytes: int = LEAST_BYTES
    name = "zlib"

    def __attrs_post_init__(self) -> None:
        if not 1 <= self.level <= _BEST_LEVEL:
            raise UsageError(f"Compress has levels 1 to {_BEST_LEVEL}, not {self.level!r}")

    def encode(self, data: bytes, bound: bytes) -> tuple[bytes, Mapping[str, str]] | None:
        """See Codec."""
        if len(data) < self.least_bytes:
            return None
        small = zlib.compress(data, self.level)
        return (small, {}) if len(small) < len(data) * _WORTH else None

    def decode(self, data: bytes, bound: bytes, beside: Mapping[str, str]) -> bytes:
        """See Codec. Takes no more memory than the largest payload that there can be."""
        inflater = zlib.decompressobj()
        try:
            plain = inflater.decompress(data, LARGEST_LIMIT_BYTES)
        except zlib.error as error:
            raise CodecError(self.name, f"cannot be decompressed: {error}") from None
        if inflater.unconsumed_tail or not inflater.eof:
            raise CodecError(self.name, f"is cut, or larger than {LARGEST_LIMIT_BYTES:,} bytes")
        return plain
