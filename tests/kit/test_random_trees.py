"""Random trees, random crashes, an end at a random moment: what holds for all of them.

Hypothesis makes the trees; trio's scheduling is seeded by it too, so failures replay.
"""

import attrs
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from actors.kit import (
    ChildCrashed,
    ChildRestarting,
    ChildSpec,
    ChildStarted,
    ChildStartFailed,
    ChildStopped,
    Event,
    Life,
    Restart,
    Strategy,
    Supervisor,
    SupervisorEscalated,
    run_supervised,
)
from tests.kit.stage import (
    Scene,
    crash_after,
    crash_when_stopped,
    drain,
    fail_start_after,
    ignore_cancellation,
    ignore_stop,
    return_after,
    serve,
    start_slowly,
)

PERIOD_SECONDS = 5.0


@attrs.frozen
class Leaf:
    """A child that plays scenes, one an incarnation, the last one for ever."""

    scenes: list[Scene]
    restart: Restart
    shutdown_seconds: float


@attrs.frozen
class Branch:
    """A supervisor."""

    children: "list[Leaf | Branch]"
    strategy: Strategy
    restart: Restart
    intensity: int


@attrs.frozen
class Ending:
    """How the whole tree ends: stopped, or cancelled, when."""

    at: float
    cancelled: bool


delays = st.sampled_from([0.0, 0.5, 1.0, 2.0, 5.0])
transient_scenes = st.one_of(
    st.builds(crash_after, delays),
    st.builds(return_after, delays),
    st.builds(fail_start_after, delays),
    st.builds(start_slowly, delays),
    st.just(crash_when_stopped),
)
final_scenes = st.one_of(
    st.just(serve),
    st.just(ignore_stop),
    st.just(crash_when_stopped),
    st.builds(drain, delays),
    st.builds(start_slowly, delays),
    st.builds(ignore_cancellation, delays),
)
leaves = st.builds(
    Leaf,
    st.builds(
        lambda first, last: [*first, last], st.lists(transient_scenes, max_size=4), final_scenes
    ),
    st.sampled_from(Restart),
    st.sampled_from([0.0, 1.0, 3.0]),
)


def branches_of(children: st.SearchStrategy[Leaf | Branch]) -> st.SearchStrategy[Branch]:
    """Return supervisors of such children."""
    return st.builds(
        Branch,
        st.lists(children, max_size=4),
        st.sampled_from(Strategy),
        st.sampled_from(Restart),
        st.integers(0, 6),
    )


trees = branches_of(st.recursive(leaves, branches_of, max_leaves=8))
endings = st.builds(Ending, st.sampled_from([0.0, 0.5, 1.0, 3.0, 7.25, 30.0]), st.booleans())


class Witness:
    """Builds a tree of specs and checks what it does, while it does it."""

    def __init__(self) -> None:
        self.position: dict[str, int] = {}  # leaf's path -> its place in reading order
        self.in_groups: set[str] = set()  # supervisors that restart in groups
        self.alive: list[str] = []
        self.began: list[str] = []
        self.faults: list[str] = []
        self.events: list[tuple[float, Event]] = []
        self.ending = False

    def spec(self, node: Leaf | Branch, parent: str, name: str) -> ChildSpec:
        path = f"{parent}/{name}" if parent else name
        if isinstance(node, Leaf):
            return self._leaf_spec(node, path, name)
        if node.strategy is not Strategy.ONE_FOR_ONE:
            self.in_groups.add(path)
        children = [self.spec(child, path, f"c{n}") for n, child in enumerate(node.children)]
        supervisor = Supervisor(
            name,
            children,
            strategy=node.strategy,
            intensity=node.intensity,
            period_seconds=PERIOD_SECONDS,
            observe=self.observe,
        )
        return supervisor.spec(restart=node.restart)

    def _leaf_spec(self, leaf: Leaf, path: str, name: str) -> ChildSpec:
        self.position[path] = len(self.position)
        coming = list(leaf.scenes)

        async def start(life: Life) -> None:
            scene = coming.pop(0) if len(coming) > 1 else coming[0]
            self._begin(life.name)
            try:
                await scene(life)
            finally:
                self._end(life)

        return ChildSpec(name, start, leaf.restart, leaf.shutdown_seconds)

    def observe(self, event: Event) -> None:
        self.events.append((trio.current_time(), event))
        if isinstance(event, ChildStopped | ChildCrashed) and self._alive_below(event.name):
            self.faults.append(f"{event.name} left children behind")

    def _begin(self, path: str) -> None:
        if path in self.alive:
            self.faults.append(f"two incarnations of {path}")
        if path.rpartition("/")[0] in self.in_groups:
            self._expect_no_later_sibling(path)
        self.alive.append(path)
        self.began.append(path)

    def _end(self, life: Life) -> None:
        self.alive.remove(life.name)
        if life.stopping:
            self._expect_no_later_sibling(life.name)

    def _expect_no_later_sibling(self, path: str) -> None:
        parent = path.rpartition("/")[0]
        for other in self._alive_below(parent):
            if self.position[other] > self.position[path]:
                self.faults.append(f"{other} lives although {path} begins or was stopped")

    def _alive_below(self, path: str) -> list[str]:
        return [leaf for leaf in self.alive if leaf.startswith(f"{path}/")]

    def check_events(self) -> None:
        """Starts, ends and restarts add up."""
        events = [event for _, event in self.events]
        for path in self.position:
            mine = [event for event in events if event.name == path]
            ends = [event for event in mine if isinstance(event, ChildStopped | ChildCrashed)]
            starts = [event for event in mine if isinstance(event, ChildStarted)]
            assert len(starts) <= self.began.count(path) <= len(ends)

    def check_intensity(self, tree: Branch, path: str) -> None:
        """No supervisor restarts more often than it may, in any of its incarnations."""
        crashed_at: dict[str, float] = {}  # a restart is counted at its crash
        times: list[float] = []
        for now, event in self.events:
            if isinstance(event, ChildCrashed):
                crashed_at[event.name] = now
            if isinstance(event, ChildRestarting) and event.name.rpartition("/")[0] == path:
                now = crashed_at[event.name]
                times = [time for time in times if time >= now - PERIOD_SECONDS] + [now]
                assert len(times) <= tree.intensity
            elif isinstance(event, ChildStopped | ChildCrashed) and event.name == path:
                times = []
        for n, child in enumerate(tree.children):
            if isinstance(child, Branch):
                self.check_intensity(child, f"{path}/c{n}")


async def run_to_the_end(witness: Witness, tree: Branch, ending: Ending) -> None:
    stop = trio.Event()
    root = witness.spec(tree, "", "root")

    async def end(scope: trio.CancelScope) -> None:
        await trio.sleep(ending.at)
        witness.ending = True
        if ending.cancelled:
            scope.cancel()
        else:
            stop.set()

    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            nursery.start_soon(end, scope)
            try:
                await run_supervised(root, stop=stop, observe=witness.observe)
            except (ChildStartFailed, SupervisorEscalated):
                witness.began.append("gave up")
        assert witness.alive == []
        assert witness.ending or witness.began[-1] == "gave up"
        nursery.cancel_scope.cancel()


@pytest.mark.untraced
@settings(max_examples=60, deadline=None)
@given(trees, endings)
def test_order_and_uniqueness_hold_in_every_tree(tree: Branch, ending: Ending) -> None:
    witness = Witness()

    trio.run(run_to_the_end, witness, tree, ending, clock=MockClock(autojump_threshold=0))

    assert witness.faults == []
    firsts = list(dict.fromkeys(path for path in witness.began if path in witness.position))
    assert firsts == sorted(firsts, key=witness.position.__getitem__)
    witness.check_events()
    witness.check_intensity(tree, "root")
