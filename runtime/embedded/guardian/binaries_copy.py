"""A copy of PostgreSQL's binaries for a user that can't reach the original (identity `setuid`)."""

from runtime.embedded.guardian.identity import Identity
from runtime.embedded.guardian.plan import Plan


def reachable_binaries(plan: Plan, who: Identity) -> Plan:
    """The plan with binaries that `who` can run."""
    return plan
