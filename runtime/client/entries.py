"""What a bulk sends, in chunks, and what an enqueue answers.

Rules: sizes are checked again here, for jobs that were not made by a handler. An iterable is
consumed as it is sent, one chunk ahead, so that a bulk's memory does not grow with it.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

import attrs

from runtime import payload
from runtime.errors import JobNotUnique, UsageError
from runtime.handler_options import check_name, check_tags
from runtime.job import NewJob
from runtime.job_entry import is_plain, wrong_options
from runtime.payload import PayloadLimits

# A chunk is one statement, held in memory by the client, and several times over by the server.
# Measured, 100,000 jobs in thousands a second by jobs a chunk, args of 8 bytes and of 1 kB: copied
# 1,000: 54, 31; 5,000: 63, 48; 20,000: 52, 47.
CHUNK_JOBS = 5_000
CHUNK_BYTES = 8 * 1024 * 1024

logger = logging.getLogger("headrace")


@attrs.frozen
class Written:
    """What became of a job: `id` is its own, or that of the one which it is the same as."""

    id: UUID
    inserted: bool
    replaced: bool = False


@attrs.frozen
class Chunk:
    """Some jobs of a bulk, in order, from the `start`th on; `last` if no more come."""

    jobs: Sequence[NewJob]
    start: int
    last: bool

    @contextlib.contextmanager
    def counting(self) -> Iterator[None]:
        """An error that names a job by its place in here names it by that in the bulk."""
        try:
            yield
        except JobNotUnique as error:
            index = None if error.index is None else self.start + error.index
            raise JobNotUnique(error.job_id, index) from error.__cause__


def written_of(rows: Sequence[Sequence[Any]]) -> list[Written]:
    """From the rows of `client_enqueue`."""
    return [
        Written(job_id if isinstance(job_id, UUID) else UUID(str(job_id)), inserted, replaced)
        for _, job_id, inserted, replaced in rows
    ]


def chunks(jobs: Iterable[NewJob], limits: PayloadLimits) -> Iterator[Chunk]:
    """Jobs in chunks, at least one. Raises: UsageError and PayloadTooLarge that name the index."""
    gathered: list[NewJob] = []
    size = 0
    index = -1
    for index, job in enumerate(jobs):
        _check(job, limits, index)
        weight = len(job.args) + len(job.metadata)
        if gathered and (len(gathered) >= CHUNK_JOBS or size + weight > CHUNK_BYTES):
            yield Chunk(gathered, index - len(gathered), last=False)
            gathered, size = [], 0
        gathered.append(job)
        size += weight
    yield Chunk(gathered, index + 1 - len(gathered), last=True)


def _check(job: object, limits: PayloadLimits, index: int) -> None:
    if not isinstance(job, NewJob):
        raise UsageError(f"job {index} is {job!r:.200}; make it with handler.new_job(...)")
    try:
        check_name("kind", job.kind)
        check_name("queue", job.queue)
        check_tags(job.tags)
    except UsageError as error:
        raise UsageError(f"job {index}: {error}") from None
    for reason in () if is_plain(job) else wrong_options(job):
        raise UsageError(f"job {index} ({job.kind!r}): {reason}")
    if payload.check_size("args", job.args, limits, index=index):
        logger.warning(
            "args of job %d, a %s, are %d bytes of JSON",
            index,
            job.kind,
            payload.byte_size(job.args),
        )
    payload.check_size("metadata", job.metadata, limits, index=index)
