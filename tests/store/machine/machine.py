"""A machine that asks a Store and the model the same, and compares all that they answer and hold.

Rules: between any two steps a second passes; a step that differs raises Disagreement; what the
table of states does not know is a disagreement too, even where both agree on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import msgspec
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from actors.store.protocol import Demand, NodeInfo, NodeProcess, Retention
from runtime.errors import JobNotFound, JobNotUnique
from runtime.job import Job, NewJob
from runtime.job_filter import JobFilter
from runtime.lifecycle import Ack, JobState, Run, decide
from runtime.outcome import Outcome
from tests.store.machine import strategies as some
from tests.store.machine.backends import Backend, ask
from tests.store.machine.laws import Disagreement, check_laws
from tests.store.machine.model import Model
from tests.store.machine.rows import JobRow, date_of, differences, job_id_of, row_of

_STRANGER = 987_654_321  # the id of no node


class StoreMachine(RuleBasedStateMachine):
    """See the module's docstring. It begins with two nodes, and a few jobs for them."""

    def __init__(self, backend: Backend) -> None:
        super().__init__()
        self.backend = backend
        backend.begin()
        self.model = Model()
        self.names: list[str] = []  # of all nodes that ever joined
        self.ids: dict[str, int] = {}
        self.before = backend.snapshot()
        for lease_seconds in (100.0, 5000.0):
            self._join(lease_seconds)
        self.enqueue([(job.id, (None, job)) for job in some.FIRST_JOBS])

    def agree(self, expected: object, seen: object) -> None:
        """Raises: Disagreement."""
        if expected != seen:
            raise Disagreement(f"expected {expected}, seen {seen}")

    def ask(self, question: Callable[..., Awaitable[Any]], *values: Any) -> Any:
        """The Store's answer; None, if it knows no such job, or another holds its key."""
        try:
            return ask(question, *values)
        except (JobNotFound, JobNotUnique):
            return None
        except Exception as error:
            raise Disagreement(f"{question.__name__} failed: {error!r}") from error

    def choose(self, choice: Callable[[], Any]) -> Any:
        """What the model says of what the Store chose to do."""
        try:
            return choice()
        except AssertionError as error:
            raise Disagreement(str(error)) from error

    def node(self, place: int) -> tuple[str, int]:
        """A node, counted from the newest; behind the oldest stands one that never joined."""
        if place >= len(self.names):
            return "nobody", _STRANGER
        name = self.names[-1 - place]
        return name, self.ids[name]

    def run(self, pick: int, age: int) -> Run:
        """A run: mostly of the jobs that run, or of any; the current one or one near it."""
        running = self.model.in_state(JobState.RUNNING)
        jobs = running if running and pick < 8 else list(self.model.jobs.values())
        if not jobs:
            return Run(job_id_of(1), 1, 1, 1)
        job = jobs[pick % len(jobs)]
        return Run(job.id, job.run_number - age, job.attempt, job.max_attempts)

    @invariant()
    def the_store_holds_what_the_model_holds(self) -> None:
        seen = self.backend.snapshot()
        found = differences(self.model.snapshot(), seen)
        if found:
            raise Disagreement("\n".join(found))
        check_laws(self.before, seen)
        self.before = seen
        self._pass(1.0)

    @rule(command=some.commands)
    def step(self, command: tuple[Any, ...]) -> None:
        name, *values = command
        getattr(self, name)(*values)

    def _pass(self, seconds: float) -> None:
        self.model.now += seconds
        self.backend.show(self.model.now)

    def _join(self, lease_seconds: float) -> None:
        name = f"node:{len(self.names)}"
        info = NodeInfo(name, "host", "boot", 1, "0", "0.1", some.QUEUES[:1], 2)
        node_id = self.ask(self.backend.store.join, info, lease_seconds)
        self.names.append(name)
        self.ids[name] = node_id
        self.model.members.join(node_id, name, self.model.now + lease_seconds)

    def enqueue(self, given: list[tuple[UUID, tuple[float | None, NewJob]]]) -> None:
        jobs = []
        for job_id, (due, job) in given:
            date = None if due is None else date_of(self.model.now + due)
            jobs.append(msgspec.structs.replace(job, id=job_id, scheduled_at=date))
        if any(
            job.unique_key is not None for job in jobs
        ):  # which of two under one id is left open
            jobs = list({job.id: job for job in reversed(jobs)}.values())[::-1]
        self.agree(self.model.enqueue(jobs), self.ask(self.backend.store.enqueue, jobs))

    def claim(self, place: int, demand: list[Demand]) -> None:
        name, node_id = self.node(place)
        claimed = self.ask(self.backend.store.claim, node_id, demand)
        now = self.model.now
        expected = [
            (
                *(job.id, job.run_number, job.attempt, job.max_attempts, now - job.scheduled_at),
                *(job.crashes, None if job.expires_at is None else job.expires_at - now),
            )
            for job in self.model.claim(name, demand)
        ]
        self.agree(
            expected,
            [
                (
                    *(job.id, job.run_number, job.attempt, job.max_attempts, job.wait_seconds),
                    *(job.crashes, job.expires_seconds),
                )
                for job in claimed
            ],
        )

    def ack(self, endings: list[tuple[int, int, Outcome | str]]) -> None:
        acks = [self._ack(self.run(pick, age), outcome) for pick, age, outcome in endings]
        self.agree(self.model.ack(acks), self.ask(self.backend.store.ack, acks))

    def _ack(self, run: Run, outcome: Outcome | str) -> Ack:
        if isinstance(outcome, str):
            return Ack(run.id, run.run_number, JobState.PENDING)
        return decide(run, outcome)

    def release(self, runs: list[tuple[int, int]]) -> None:
        chosen = [self.run(pick, age) for pick, age in runs]
        given = [(run.id, run.run_number) for run in chosen]
        self.agree(self.model.release(given), self.ask(self.backend.store.release, given))

    def cancel(self, job_id: UUID) -> None:
        self._agree_on_job(self.model.cancel(job_id), self.ask(self.backend.store.cancel, job_id))

    def retry(self, job_id: UUID) -> None:
        self._agree_on_job(self.model.retry(job_id), self.ask(self.backend.store.retry, job_id))

    def delete(self, job_id: UUID) -> None:
        self.agree(self.model.delete(job_id), self.ask(self.backend.store.delete, job_id))

    def _agree_on_job(self, expected: JobRow | None, seen: Job | None) -> None:
        self.agree(expected, None if seen is None else row_of(seen))

    def join(self, lease_seconds: float) -> None:
        self._join(lease_seconds)

    def renew(self, place: int, lease_seconds: float) -> None:
        name, node_id = self.node(place)
        expected = self.model.members.renew(name, self.model.now, lease_seconds)
        self.agree(expected, self.ask(self.backend.store.renew, node_id, lease_seconds))

    def leave(self, place: int) -> None:
        name, node_id = self.node(place)
        self.model.members.leave(name, self.model.now)
        self.ask(self.backend.store.leave, node_id)

    def rescue(self, limit: int, age: int | None) -> None:
        rescued = self.ask(self.backend.store.rescue, limit, self._term(age))
        seen = self.backend.snapshot().jobs
        chosen = {job.id for job in self.model.lost() if _left(seen, job.id, JobState.RUNNING)}
        entitled = self._entitled(age)
        self.agree(self.choose(lambda: self.model.rescue(limit, chosen, entitled)), rescued)

    def stage(self, limit: int, age: int | None) -> None:
        staged = self.ask(self.backend.store.stage, limit, self._term(age))
        seen = self.backend.snapshot().jobs
        chosen = {job.id for job in self.model.due() if _left(seen, job.id, job.state)}
        entitled = self._entitled(age)
        self.agree(self.choose(lambda: self.model.stage(limit, chosen, entitled)), staged)

    def expire(self, limit: int, age: int | None) -> None:
        expired = self.ask(self.backend.store.expire, limit, self._term(age))
        seen = self.backend.snapshot().jobs
        chosen = {job.id for job in self.model.late() if _left(seen, job.id, job.state)}
        entitled = self._entitled(age)
        self.agree(self.choose(lambda: self.model.expire(limit, chosen, entitled)), expired)

    def prune(self, retention: Retention, limit: int, age: int | None) -> None:
        pruned = self.ask(self.backend.store.prune, retention, limit, self._term(age))
        seen = self.backend.snapshot().jobs
        chosen = {job.id for job in self.model.old(retention) if job.id not in seen}
        entitled = self._entitled(age)
        expected = self.choose(lambda: self.model.prune(retention, limit, chosen, entitled))
        self.agree(expected, pruned)

    def _term(self, age: int | None) -> int | None:
        return None if age is None else self.model.members.term - age

    def _entitled(self, age: int | None) -> bool:
        return age is None or self.model.members.lasts(self._term(age), self.model.now)

    def elect(self, place: int, seconds: float) -> None:
        name, node_id = self.node(place)
        expected = self.model.members.elect(name, self.model.now, seconds)
        self.agree(expected, self.ask(self.backend.store.elect, node_id, seconds))

    def resign(self, place: int) -> None:
        name, node_id = self.node(place)
        self.model.members.resign(name, self.model.now)
        self.ask(self.backend.store.resign, node_id)

    def pause(self, queue: str) -> None:
        known = [shown.name for shown in self.model.queues(some.QUEUES[:1])]
        self.ask(self.backend.store.pause, queue)
        self.model.pause(known if queue == "*" else [queue])

    def resume(self, queue: str) -> None:
        self.model.resume(queue)
        self.ask(self.backend.store.resume, queue)

    def time_passes(self, seconds: float) -> None:
        self._pass(seconds)

    def look_at_a_node(self, place: int) -> None:
        name, node_id = self.node(place)
        store, held = self.backend.store, self.model.held_by(name)
        asked = {job.id: None for job in held if job.cancel_requested_at is not None}
        runs = [(job.id, job.run_number) for job in held]
        self.agree(runs, self.ask(store.holdings, node_id))
        self.agree(asked, self.ask(store.awaiting_cancel, node_id))
        known = self.model.members.by_name
        others = [NodeProcess(m.id, 1, "0") for m in known.values() if not m.ended]
        expected = [other for other in others if other.node_id != node_id] if name in known else []
        self.agree(expected, self.ask(store.neighbours, node_id))

    def look_at_jobs(self, wanted: JobFilter, page: tuple[int, UUID | None]) -> None:
        limit, before = page

        async def jobs() -> list[Job]:
            return await self.backend.store.jobs(wanted, limit=limit, before=before)

        found = self.ask(jobs)
        older = [job for job in self.model.jobs.values() if before is None or job.id < before]
        fitting = [job.id for job in older if _fits(job, wanted)]
        expected = sorted(fitting, reverse=True)[:limit]
        self.agree(expected, [job.id for job in found])
        for job in found[:2]:
            self._agree_on_job(self.model.jobs[job.id], self.ask(self.backend.store.get, job.id))

    def look_at_all(self) -> None:
        store, model = self.backend.store, self.model
        counts = {state: len(model.in_state(state)) for state in JobState}
        self.agree(counts, self.ask(store.counts))
        by_queue = Counter((job.queue, job.state) for job in model.jobs.values())
        self.agree(by_queue, self.ask(store.counts_by_queue))
        self.agree(model.queues(some.QUEUES[:1]), self.ask(store.queues))
        running = {name: len(model.held_by(name)) for name in model.members.by_name}
        nodes = self.ask(store.nodes)
        self.agree(running, {node.name: node.running for node in nodes})
        ranks = [(not node.live, -node.id) for node in nodes]
        self.agree(sorted(ranks), ranks)


def _left(seen: dict[UUID, JobRow], job_id: UUID, state: JobState) -> bool:
    return job_id in seen and seen[job_id].state is not state


def _fits(job: JobRow, wanted: JobFilter) -> bool:
    several = [(wanted.state, job.state), (wanted.queue, job.queue), (wanted.kind, job.kind)]
    return all(not given or own in given for given, own in several) and set(wanted.tag) <= set(
        job.tags
    )
