"""The stored form of a sealed payload: a JSON object that says what it is.

    {"kid": "2026", "aad": "id", "data": "<base64>", "$codec": "zlib+aesgcm"}

Rules: it is an object, so that jsonb columns, SQL and the payload guard take it as any other.
`$codec` names the layers in the order in which they were put on. It is the longest key, and so the
last, as PostgreSQL keeps the keys of jsonb by length: whether a payload is sealed shows at its end,
for nothing. Nobody's own payload may have that look; it is refused where it is made.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import attrs
import msgspec

from runtime.errors import CodecError

KEY = "$codec"
# What an envelope ends with: the key and its value. A longer value is not written.
_MARK = f'"{KEY}":'
LONGEST_NAMES = 64  # characters of the layers' names together
_TAIL = len(_MARK) + LONGEST_NAMES + 16
# Shorter than KEY, or it would not be the last.
LONGEST_PARAMETER = len(KEY) - 1

# What a payload is bound to begins with one of these.
TO_KIND = b"headrace kind\0"
_TO_JOB = b"headrace job\0"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


@attrs.frozen
class Bound:
    """What a payload belongs to. A layer that authenticates refuses it anywhere else.

    Attributes: field: "args" or "output"; kind of the job; its id, or None: of any job of the kind.
    """

    field: str
    kind: str
    job_id: UUID | None

    @property
    def data(self) -> bytes:
        """As additional authenticated data."""
        if self.job_id is None:
            return TO_KIND + f"{self.field}\0{self.kind}".encode()
        return _TO_JOB + f"{self.field}\0{self.kind}\0{self.job_id}".encode()


@attrs.frozen
class Envelope:
    """A sealed payload, opened so far that its layers can be told."""

    names: tuple[str, ...]
    parameters: Mapping[str, str]
    data: bytes = attrs.field(repr=False)


def looks_sealed(text: str) -> bool:
    """Whether this JSON text may be an envelope. Takes 0.2 microseconds, however long it is."""
    return _MARK in text[-_TAIL:]


def written(envelope: Envelope) -> str:
    """The envelope as JSON text."""
    parts = {
        **envelope.parameters,
        "data": base64.b64encode(envelope.data).decode(),
        KEY: "+".join(envelope.names),
    }
    return _encode(parts).decode()


def read(text: str) -> Envelope | None:
    """The envelope in this JSON text; None, if it is none.

    Raises: CodecError, for one whose data is no base64.
    """
    if not looks_sealed(text):
        return None
    try:
        value: Any = _decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None  # whoever reads it as a payload will say what is wrong with it
    if not isinstance(value, dict) or not all(isinstance(part, str) for part in value.values()):
        return None
    names, data = value.pop(KEY, None), value.pop("data", None)
    if names is None or data is None:
        return None
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise CodecError(names, "its data is no base64: it was changed") from None
    return Envelope(tuple(names.split("+")), value, raw)
