"""Who led when, and what leaders did: whether two ever led at once, and how long nobody did. Pure.

    notes (of the database, in the order of its clock), logs ─▶ wrong, failovers, lateness

Times are in seconds of the machine's monotonic clock. A process is known by its pid.

What this shows: of each statement that staged or pruned something, whether its node held the term
when the statement began. What it cannot show: a leader that found nothing to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Literal

import attrs

# From a change of the row `leader` until its commit is seen by others: such a statement sees the
# row as it was. A commit waits for the disk: 0.1 s on a busy one, with room.
COMMIT_SECONDS = 0.5
_BEGAN = re.compile(r"(?<!no longer )leader, term (\d+)")


@attrs.frozen
class Note:
    """A statement changed the row `leader` ("term"), or staged or pruned a job.

    Attributes: pid, of the node that did it, None if it was none; began, when its statement began;
    term, holder and until, the row `leader` as it was then (for "term": as it is since); due, of a
    staged job.
    """

    what: Literal["term", "staged", "pruned"]
    pid: int | None
    began: float
    at: float
    term: int
    holder: int | None
    until: float
    due: float = 0.0


@attrs.frozen
class Tenure:
    """A term, as the database had it. `until`: when it ran out, or was ended before."""

    term: int
    holder: int
    since: float
    until: float


def tenures(notes: Iterable[Note]) -> list[Tenure]:
    """All terms that somebody held, in order."""
    found: list[Tenure] = []
    for note in notes:
        if note.what != "term":
            continue
        if note.holder is None or (found and found[-1].term != note.term):
            _end(found, note.at)
        if note.holder is None:
            continue
        if found and (found[-1].term, found[-1].holder) == (note.term, note.holder):
            found[-1] = attrs.evolve(found[-1], until=note.until)
        else:
            found.append(Tenure(note.term, note.holder, note.at, note.until))
    return found


def _end(found: list[Tenure], at: float) -> None:
    """The last one was ended now, if it had not run out."""
    if found:
        found[-1] = attrs.evolve(found[-1], until=min(found[-1].until, at))


def wrong(notes: Sequence[Note], logs: Mapping[int, str]) -> Iterator[str]:
    """What shows that two led at once. `logs`: what each process has logged."""
    yield from _doubled(notes)
    yield from _announced_twice(logs)
    held = tenures(notes)
    for note in notes:
        if note.what != "term" and not _held(held, note):
            yield (
                f"process {note.pid} {note.what} a job {_since(held, note)}, in term {note.term} of"
                f" process {note.holder}"
            )


def _doubled(notes: Iterable[Note]) -> Iterator[str]:
    """A term that was given to a second holder, or before the one before had ended."""
    for before, after in pairwise(note for note in notes if note.what == "term"):
        changed = after.holder is not None and after.holder != before.holder
        if changed and before.holder is not None and before.until > after.at:
            early = before.until - after.at
            yield f"term {after.term} began {early:.3f} s before the last one ended"
        if changed and after.term <= before.term:
            yield f"term {after.term} was given to a second node"


def _announced_twice(logs: Mapping[int, str]) -> Iterator[str]:
    by_term: dict[int, set[int]] = {}
    for pid, log in logs.items():
        for number in _BEGAN.findall(log):
            by_term.setdefault(int(number), set()).add(pid)
    for term, pids in by_term.items():
        if len(pids) > 1:
            yield f"the processes {sorted(pids)} all say that term {term} is theirs"


def _held(held: Iterable[Tenure], note: Note) -> bool:
    """Whether the process that did this held a term when its statement began."""
    return any(
        each.holder == note.pid
        and each.since - COMMIT_SECONDS <= note.began <= each.until + COMMIT_SECONDS
        for each in held
    )


def _since(held: Iterable[Tenure], note: Note) -> str:
    ended = [each.until for each in held if each.holder == note.pid and each.until <= note.began]
    return f"{note.began - max(ended):.3f} s after its term" if ended else "without ever leading"


def failovers(notes: Sequence[Note], struck: Iterable[float]) -> list[float | None]:
    """For each leader struck: seconds to the first thing that a later term's leader did; None: no
    later leader has done anything."""
    return [_failover(notes, at) for at in struck]


def _failover(notes: Sequence[Note], struck: float) -> float | None:
    last = max((note.term for note in notes if note.at <= struck), default=0)
    acts = (each for each in notes if each.what != "term" and each.pid == each.holder)
    first = min((each.at for each in acts if each.term > last), default=None)
    return None if first is None else first - struck


def lateness(notes: Iterable[Note], without: Iterable[tuple[float, float]] = ()) -> list[float]:
    """How late each job was staged, in seconds. `without`: times; what was due then is left out."""
    gaps = list(without)
    return [
        note.at - note.due
        for note in notes
        if note.what == "staged" and not any(start <= note.due <= end for start, end in gaps)
    ]
