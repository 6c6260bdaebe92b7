"""A Store in memory, for tests: the same protocol, held to the same contract tests as PostgreSQL's.

Its clock is trio's, so that it runs under trio's MockClock. Deterministic; one process; no threads.
"""

from actors.store.memory.faults import Faults, Hold
from actors.store.memory.store import MemoryStore

__all__ = ["Faults", "Hold", "MemoryStore"]
