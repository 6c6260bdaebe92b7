"""From the rows of `get.sql` and `failures.sql` to a Job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runtime.job import FailureRow, Job
from runtime.lifecycle import JobState
from runtime.readable import readable

MAX_FAILURES = 100  # shown with a job, newest first


def job_of(row: Mapping[str, Any], failures: Sequence[Mapping[str, Any]]) -> Job:
    """A job with its failures."""
    fields = dict(row)
    output = fields.pop("output")
    return Job(
        **fields
        | {
            "state": JobState(fields["state"]),
            "args": readable(fields["args"]),
            "output": None if output is None else readable(output),
            "metadata": readable(fields["metadata"]),
            "tags": tuple(fields["tags"]),
            "failures": tuple(FailureRow(**dict(failure)) for failure in failures),
        }
    )
