"""Args that are outputs of other jobs: how they are stored, and put in before the job begins.

    {"$inputs": {"args": {"parts": [null, 3]}, "inputs": [["parts", 0, "<job id>", ...]]}}

Rules: such args are stored with gaps; where they are sealed, they are sealed so. The child that
runs the job asks its node for the outputs, which may be sealed as well, and puts them in: JSON
text, so that nothing is read twice. Other jobs it costs a look at the beginning of their args.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any
from uuid import UUID

import msgspec

from runtime.lifecycle import JobState
from runtime.wire import Asked
from runtime.workflow.failures import InputMissing, RunLost
from runtime.workflow.records import Answer, ChildResult, Collect, Collected, Refused

MARK = '{"$inputs":'
# Outputs asked for at once.
_MOST = 1000

Unseal = Callable[[str, str, UUID], str]
"""From an output as it is stored, its job's kind and id, to JSON text."""
Flow = Generator[Asked, Answer, "dict[UUID, ChildResult]"]


class Input(msgspec.Struct, frozen=True, array_like=True):
    """One output that is to be put in.

    Attributes: field, of the args; place, in the list that stands there, or None; job; must: have
    ended well; whole: how it has ended, rather than its output; otherwise: put in where it has
    none, as JSON.
    """

    field: str
    place: int | None
    job: UUID
    must: bool = True
    whole: bool = False
    otherwise: msgspec.Raw = msgspec.Raw(b"null")


class Body(msgspec.Struct, frozen=True):
    """Args with gaps, and what fills them."""

    args: dict[str, msgspec.Raw]
    inputs: tuple[Input, ...]


class _Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    body: Body = msgspec.field(name="$inputs")


class _Outcome(msgspec.Struct, frozen=True):
    state: str
    output: msgspec.Raw
    error_class: str
    message: str


_decode = msgspec.json.Decoder(_Envelope).decode
_encode = msgspec.json.Encoder().encode
_NULL = msgspec.Raw(b"null")


def wrapped(args: str, inputs: Iterable[Input]) -> str:
    """What is stored. `args`: JSON text, with null in each gap."""
    gaps: dict[str, msgspec.Raw] = msgspec.json.decode(args, type=dict[str, msgspec.Raw])
    return _encode(_Envelope(Body(gaps, tuple(inputs)))).decode()


def body_of(args: str) -> Body | None:
    """What has gaps; None: args that only look so."""
    try:
        return _decode(args).body
    except msgspec.DecodeError:
        return None


def asks(body: Body, seq: int) -> Flow:
    """What to ask the node for run `seq`; returns how the jobs have ended. Raises: RunLost."""
    left = list(dict.fromkeys(each.job for each in body.inputs))
    found: dict[UUID, ChildResult] = {}
    while left:
        # A workflow numbers its own asks from 1.
        answer = yield Asked(seq, 0, Collect("", tuple(each.bytes for each in left[:_MOST])))
        if isinstance(answer, Refused):
            raise RunLost(answer.message)
        assert isinstance(answer, Collected)
        found.update(zip(left, answer.results, strict=False))
        left = left[len(answer.results) :]
    return found


def filled(body: Body, found: Mapping[UUID, ChildResult], unseal: Unseal) -> str:
    """The args. Raises: InputMissing, CodecError."""
    outputs: dict[UUID, msgspec.Raw] = {}
    args: dict[str, Any] = dict(body.args)
    for each in body.inputs:
        result = found[each.job]
        if each.job not in outputs:
            outputs[each.job] = _opened(each.job, result, unseal)
        value = _value(each, result, outputs[each.job])
        if each.place is None:
            args[each.field] = value
            continue
        if isinstance(args[each.field], msgspec.Raw):
            args[each.field] = msgspec.json.decode(args[each.field], type=list[msgspec.Raw])
        args[each.field][each.place] = value
    return _encode(args).decode()


def _opened(job_id: UUID, result: ChildResult, unseal: Unseal) -> msgspec.Raw:
    if result.state != JobState.COMPLETED.value or result.output is None:
        return _NULL
    return msgspec.Raw(unseal(result.output, result.kind, job_id).encode())


def _value(each: Input, result: ChildResult, output: msgspec.Raw) -> msgspec.Raw:
    if each.whole:
        told = _Outcome(result.state, output, result.error_class, result.message)
        return msgspec.Raw(_encode(told))
    if result.state == JobState.COMPLETED.value:
        return output
    if each.must:
        raise InputMissing(each.field, each.job, result.state)
    return each.otherwise
