"""Continue as new: the job's args are replaced, its history is forgotten, and it runs again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from runtime.errors import PayloadError, UsageError
from runtime.workflow.flow import Flow, Wait
from runtime.workflow.history import BEGUN_ANEW
from runtime.workflow.inputs import of
from runtime.workflow.records import Record, StepRecord
from runtime.workflow.strand import Strand
from runtime.workflow.suspend import ContinuedAsNew


class _Encoder(Protocol):
    def encode_args(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str: ...


class Anew:
    """`handler`: the workflow's own, whose args these are."""

    def __init__(self, handler: _Encoder, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        self._handler = handler
        self._args = tuple(args)
        self._kwargs = kwargs

    def __call__(self, strand: Strand) -> Flow[None]:
        """Its flow. Raises: ContinuedAsNew; UsageError, ArgsInvalid, PayloadError."""
        if not strand.is_main:
            raise UsageError("continue_as_new is for the workflow itself, not for a branch of it")
        session = strand.session
        try:
            text = self._handler.encode_args(self._args, self._kwargs)
        except PayloadError as error:
            raise of(error, "continue_as_new") from None
        text = session.measured("args of continue_as_new", text)
        spot = yield from strand.enter("continue")
        times = session.past.began_anew + 1
        strand.lazy.clear()
        stored = session.sealed_args(text)
        record = StepRecord(BEGUN_ANEW, spot.op, str(times), output=stored)
        session.checked((yield Wait(session.ask(Record((record,))))))
        raise ContinuedAsNew
