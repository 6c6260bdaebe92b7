"""Whose child a job is, and how its own children stand. Frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import msgspec

from runtime.lifecycle import JobState


class Parent(msgspec.Struct, frozen=True):
    """The workflow that a job is a child of.

    Attributes: id; place, of the step there; kind and state, None where it is gone.
    """

    id: UUID
    place: str
    kind: str | None = None
    state: JobState | None = None


class Family(msgspec.Struct, frozen=True):
    """Attributes: parent, None of a job that is no child; children, of all steps, by state."""

    parent: Parent | None = None
    children: Mapping[JobState, int] = {}
