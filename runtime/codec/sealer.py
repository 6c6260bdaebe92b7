"""Sealer: the layers of an app, put on and taken off.

Rules: a payload without an envelope is plain, and is read as it is: what was enqueued before the
app had a codec, or by SQL, runs. A layer that an app no longer has is named in the error. What can
be read without a key is read by every app.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable
from uuid import UUID

from runtime.codec import envelope
from runtime.codec.compress import Compress
from runtime.codec.envelope import Bound, Envelope
from runtime.errors import CodecError, PayloadInvalid, UsageError

_NAME = re.compile(r"[a-z0-9_.-]{1,20}")
_AAD = "aad"
_TO_ID, _TO_KIND = "id", "kind"


@runtime_checkable
class Codec(Protocol):
    """One layer. `name` is written into the envelope and must never change: 20 of a-z 0-9 _ . -

    It is called in clients' threads and in children, and after a fork.
    """

    name: str

    def encode(self, data: bytes, bound: bytes) -> tuple[bytes, Mapping[str, str]] | None:
        """The data with this layer on, and what to write beside it, or None: leave it off.

        Keys written beside it have at most 5 characters. `bound` says what the data belongs to; a
        layer that authenticates takes it in.
        """

    def decode(self, data: bytes, bound: bytes, beside: Mapping[str, str]) -> bytes:
        """The data without this layer. Raises: CodecError."""


class Sealer:
    """See the module's docstring. Raises: UsageError, for what is no codec."""

    def __init__(self, codecs: Codec | Sequence[Codec] | None = None) -> None:
        given = codecs if isinstance(codecs, Sequence) else () if codecs is None else (codecs,)
        self._codecs = tuple(given)
        for codec in self._codecs:
            _check(codec)
        self._by_name: dict[str, Codec] = {codec.name: codec for codec in self._codecs}
        if len(self._by_name) < len(self._codecs):
            raise UsageError(f"two layers of one codec: {', '.join(self._by_name)}")
        self._by_name.setdefault(Compress.name, Compress())

    def __repr__(self) -> str:
        return f"<Sealer {'+'.join(codec.name for codec in self._codecs) or 'of nothing'}>"

    def __bool__(self) -> bool:
        return bool(self._codecs)

    def prepare(self) -> None:
        """Have what the layers need, now rather than at the first payload. Raises: ConfigError."""
        for codec in self._codecs:
            make_ready = getattr(codec, "prepare", None)
            if make_ready is not None:
                make_ready()

    def seal(self, field: str, text: str, kind: str, job_id: UUID | None) -> str:
        """A payload's JSON text as it is stored.

        Args: field: "args" or "output". job_id: the one job that it is for; None: any of the kind.
        Raises: PayloadInvalid, for a payload that looks like an envelope.
        """
        plain = self.unreserved(field, text)
        return self._sealed(Bound(field, kind, job_id), plain) if self._codecs else plain

    @staticmethod
    def unreserved(field: str, text: str) -> str:
        """The text, unless it looks like an envelope. Raises: PayloadInvalid."""
        if envelope.looks_sealed(text) and envelope.read(text) is not None:
            raise PayloadInvalid(field, "$", f'has the key "{envelope.KEY}", which is reserved')
        return text

    def _sealed(self, bound: Bound, text: str) -> str:
        data = text.encode()
        names: list[str] = []
        beside: dict[str, str] = {}
        for codec in self._codecs:
            done = codec.encode(data, bound.data)
            if done is not None:
                data = done[0]
                names.append(codec.name)
                beside.update(done[1])
        if not names:
            return text
        beside[_AAD] = _TO_KIND if bound.job_id is None else _TO_ID
        return envelope.written(Envelope(tuple(names), beside, data))

    def unseal(self, field: str, text: str, kind: str, job_id: UUID) -> str:
        """The JSON text behind a stored payload.

        Raises: CodecError: a key or a layer is missing, or it was changed, or is another job's.
        """
        if not envelope.looks_sealed(text):
            return text
        try:
            found = envelope.read(text)
            if found is None:
                return text
            to_kind = found.parameters.get(_AAD) == _TO_KIND
            data = self._decoded(found, Bound(field, kind, None if to_kind else job_id).data)
            return data.decode()
        except UnicodeDecodeError as error:
            raise CodecError("", f"is no text: {error}", field=field, kind=kind) from None
        except CodecError as error:
            raise error.of(field, kind) from error.__cause__

    def _decoded(self, found: Envelope, bound: bytes) -> bytes:
        data = found.data
        for name in reversed(found.names):
            codec = self._by_name.get(name)
            if codec is None:
                have = ", ".join(self._by_name)
                raise CodecError(name, f"needs the codec {name!r}; this app has: {have}")
            data = codec.decode(data, bound, found.parameters)
        return data

    def resealed(self, field: str, text: str, kind: str, job_id: UUID) -> str | None:
        """A stored payload with the layers and keys of today, for the same job; None: it has them.

        Raises: CodecError.
        """
        found = envelope.read(text)
        if found is None and not self._codecs:
            return None
        plain = self.unseal(field, text, kind, job_id)
        to_kind = found is not None and found.parameters.get(_AAD) == _TO_KIND
        fresh = self.seal(field, plain, kind, None if to_kind else job_id)
        now = envelope.read(fresh)
        if _same_layers(found, now):
            return None
        return fresh


def _same_layers(one: Envelope | None, other: Envelope | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.names == other.names and one.parameters == other.parameters


def _check(codec: object) -> None:
    if not isinstance(codec, Codec):
        raise UsageError(f"codec takes a codec, or some in order, not {type(codec).__name__}")
    if not _NAME.fullmatch(codec.name):
        raise UsageError(f"{codec.name!r:.100} cannot be a codec's name: 1 to 20 of a-z 0-9 _ . -")


PLAIN = Sealer()
"""For apps without a codec."""
