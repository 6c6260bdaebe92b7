"""Frames survive every cut of their bytes, and garbage is told from them."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runtime import outcome, wire

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
counts = st.integers(0, 2**63 - 1)
seconds = st.floats(0, 1e9)
failures = st.builds(
    outcome.Failure,
    texts,
    texts,
    texts,
    st.none() | counts,
    st.none() | st.integers(0, 255),
    st.none() | texts,
)
outcomes = st.one_of(
    st.builds(outcome.Completed, st.none() | texts),
    st.builds(outcome.Failed, failures, st.none() | seconds),
    st.builds(outcome.Snoozed, seconds),
    st.builds(outcome.Discarded, failures),
    st.builds(outcome.Cancelled, failures),
    st.builds(outcome.GivenBack, texts),
)
frames = st.one_of(
    st.builds(
        wire.Run,
        seq=counts,
        epoch=counts,
        id=st.binary(min_size=16, max_size=16),
        run_number=counts,
        kind=texts,
        queue=texts,
        args=texts,
        attempt=counts,
        max_attempts=counts,
        metadata=texts,
    ),
    st.builds(wire.Interrupt, counts, st.sampled_from(["timeout", "cancel", "stop"]), texts),
    st.builds(wire.Hello, counts),
    st.builds(wire.Started, counts, counts),
    st.builds(wire.Done, counts, seconds, outcomes),
)


def feed_in_pieces(decoder: wire.Decoder, data: bytes, cuts: list[int]) -> list[wire.Frame]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    read: list[wire.Frame] = []
    for start, end in itertools.pairwise(edges):
        read += decoder.feed(data[start:end])
    return read


@given(st.lists(frames, max_size=6), st.lists(st.integers(0, 10_000), max_size=12))
def test_frames_come_out_as_they_went_in_however_the_bytes_were_cut(
    sent: list[wire.Frame], cuts: list[int]
) -> None:
    decoder = wire.Decoder()

    read = feed_in_pieces(decoder, b"".join(map(wire.encode, sent)), cuts)

    assert read == sent
    assert decoder.empty


@given(frames)
def test_a_frame_comes_out_with_its_last_byte_and_not_before(sent: wire.Frame) -> None:
    decoder = wire.Decoder()
    data = wire.encode(sent)

    assert decoder.feed(data[:-1]) == []
    assert not decoder.empty
    assert decoder.feed(data[-1:]) == [sent]


@given(st.binary(max_size=200))
@example(b"\x00\x00\x00\x00")
@example(b"print of a handler that found our socket\n")
def test_garbage_is_refused_or_waited_out_but_nothing_else_happens(data: bytes) -> None:
    decoder = wire.Decoder()
    try:
        decoder.feed(data)
    except wire.WireError:
        return
    assert len(data) < 4 or not decoder.empty or data == b""


@given(frames, st.binary(min_size=1, max_size=20))
def test_frames_before_garbage_of_the_same_read_are_lost_with_it(
    sent: wire.Frame, tail: bytes
) -> None:
    """The connection is of no further use: the Worker takes the child for dead."""
    garbage = len(tail).to_bytes(4) + b"\xc1" + tail[1:]  # 0xc1 is never valid MessagePack

    with pytest.raises(wire.WireError, match="not a frame"):
        wire.Decoder().feed(wire.encode(sent) + garbage)


def test_a_length_over_the_limit_is_refused_before_its_bytes_come() -> None:
    length = (wire.MAX_FRAME_BYTES + 1).to_bytes(4)

    with pytest.raises(wire.WireError, match=r"67,108,865 bytes"):
        wire.Decoder().feed(length)


@pytest.mark.parametrize(
    "body", [["run", 1], ["unknown", 1], ["hello", "x"], {"tag": "hello"}, 7, None]
)
def test_messagepack_that_is_no_frame_of_ours_is_refused(body: Any) -> None:
    data = msgspec.msgpack.encode(body)

    with pytest.raises(wire.WireError):
        wire.Decoder().feed(len(data).to_bytes(4) + data)


def test_frames_that_came_before_garbage_are_not_lost() -> None:
    frames: list[wire.Frame] = [wire.Hello(1), wire.Started(2, 3)]

    with pytest.raises(wire.WireError) as caught:
        wire.Decoder().feed(b"".join(map(wire.encode, frames)) + b"\xff" * 4)

    assert caught.value.before == frames
