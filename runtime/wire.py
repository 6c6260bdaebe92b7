"""Frames between a Worker and its child: bytes in, frames out. No I/O here.

    Worker ── Run, Interrupt, Answered ──▶ child            one AF_UNIX stream socket a child
    Worker ◀── Hello, Started, Noted, Completing, Asked, Done ── child

A frame is a 4-byte big-endian length and a MessagePack array `[tag, field ...]`. Besides the stream
there is the run page (`runtime.child.page`), a few bytes of shared memory by which a Worker can
tell which run its child has begun, and take back the others, without the child's help.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import msgspec

from runtime.note import Note
from runtime.outcome import Outcome
from runtime.workflow.records import Answer, Ask

_LENGTH = struct.Struct(">I")
# Above the largest payload that may be configured (4 MiB), with room for a trace and escapes.
MAX_FRAME_BYTES = 64 * 1024 * 1024


class Run(msgspec.Struct, frozen=True, array_like=True, tag="run", gc=False):
    """Run this job; or not, if the run page's epoch has left `epoch` behind: it was taken back."""

    seq: int  # counts the runs handed to this child, from 1
    epoch: int
    id: bytes  # the job's UUID, 16 bytes
    run_number: int
    kind: str
    queue: str
    args: str  # a JSON object, as text
    attempt: int
    max_attempts: int
    metadata: str  # a JSON object, as text
    timeout_seconds: float | None = None  # from its begin until it is told to stop; None: never
    expires_ns: int | None = (
        None  # not to begin from this time.monotonic_ns() on; None: no deadline
    )
    batch: int = 0  # of the first of a batch: how many runs it has, with those that follow this one


class Interrupt(msgspec.Struct, frozen=True, array_like=True, tag="interrupt"):
    """Raise inside the handler of run `seq`, if it is running. A signal follows as a doorbell."""

    seq: int
    reason: str  # "timeout", "cpu", "expired", "cancel" or "stop"; "pause": it raises nothing
    message: str


class Hello(msgspec.Struct, frozen=True, array_like=True, tag="hello"):
    """The child is ready for its first run."""

    pid: int


class Started(msgspec.Struct, frozen=True, array_like=True, tag="started"):
    """Run `seq` has begun. Sent by children for async handlers, which run many at once."""

    seq: int
    at_ns: int  # time.monotonic_ns(), which is the same clock in all processes of a machine


class Noted(msgspec.Struct, frozen=True, array_like=True, tag="noted", gc=False):
    """What run `seq` has to tell of itself; the last of it comes before its Done."""

    seq: int
    note: Note


class Completing(msgspec.Struct, frozen=True, array_like=True, tag="completing"):
    """The handler of run `seq` is about to complete its job in a transaction of its own.

    From now on the database alone knows whether the job is completed.
    """

    seq: int


class Asked(msgspec.Struct, frozen=True, array_like=True, tag="asked", gc=False):
    """What the workflow that run `seq` executes asks of its node. Its Done comes after all of them.

    Attributes: number, counts the asks of this run, from 1.
    """

    seq: int
    number: int
    ask: Ask


class Answered(msgspec.Struct, frozen=True, array_like=True, tag="answered", gc=False):
    """The answer to ask `number` of run `seq`. Answers come in any order."""

    seq: int
    number: int
    answer: Answer


class Done(msgspec.Struct, frozen=True, array_like=True, tag="done", gc=False):
    """Run `seq` has ended."""

    seq: int
    seconds: float  # from begin to end of the handler
    outcome: Outcome
    cpu_seconds: float | None = None  # see `runtime.child.meter`; None: not known
    peak_rss_kib: int | None = None


Frame = Run | Interrupt | Hello | Started | Noted | Completing | Asked | Answered | Done

_encode = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[Frame] = msgspec.msgpack.Decoder(Frame)


class WireError(Exception):
    """The other side sent something that is no frame. The connection is of no further use.

    Attributes: before: the frames that came with it, and were good.
    """

    before: Sequence[Frame] = ()


def encode(frame: Frame) -> bytes:
    """The frame's bytes, with its length in front."""
    body = _encode(frame)
    return _LENGTH.pack(len(body)) + body


class Decoder:
    """Turns received bytes into frames, however they were cut."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Take in `data`; return the frames that are now complete. Raises WireError on garbage."""
        frames: list[Frame] = []
        try:
            self._feed(data, frames)
        except WireError as error:
            error.before = frames
            raise
        return frames

    def _feed(self, data: bytes, frames: list[Frame]) -> None:
        buffer = self._buffer
        buffer += data
        start = 0
        with memoryview(buffer) as view:
            while len(view) - start >= _LENGTH.size:
                (length,) = _LENGTH.unpack_from(view, start)
                if length > MAX_FRAME_BYTES:
                    raise WireError(
                        f"a frame of {length:,} bytes; the limit is {MAX_FRAME_BYTES:,}"
                    )
                end = start + _LENGTH.size + length
                if len(view) < end:
                    break
                frames.append(_decode_body(view[start + _LENGTH.size : end]))
                start = end
        del buffer[:start]

    @property
    def empty(self) -> bool:
        """Whether the stream may end here without cutting a frame."""
        return not self._buffer


def _decode_body(body: memoryview) -> Frame:
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise WireError(f"not a frame: {error}") from error
