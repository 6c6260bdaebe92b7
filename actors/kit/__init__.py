"""The supervisor kit: supervision trees for trio, as OTP means them. It knows trio and no jobs.

In reading order: `spec` says what a child is, `life` what a running child is given, `supervisor`
what a supervisor promises (its docstring is the specification), `events` what can be observed,
`restarts` how often and how late a child comes back, `errors` what is raised, `ticker` the loop
of an actor that does something every so often, `locks` a lock that is free at no cost. Behind them,
not for use from outside: `incarnation` (one run of a child), `child` (a supervisor's record of
one), `supervision` (one run of a supervisor).
"""

from actors.kit.child import ChildState
from actors.kit.errors import (
    ChildStartFailed,
    ChildStartTimedOut,
    PermanentChildReturned,
    SupervisionError,
    SupervisorEscalated,
    SupervisorNotRunning,
)
from actors.kit.events import (
    ChildCrashed,
    ChildCutOff,
    ChildRestarting,
    ChildStarted,
    ChildStopped,
    ChildStuck,
    Escalated,
    Event,
    log,
)
from actors.kit.life import Life
from actors.kit.restarts import Backoff
from actors.kit.spec import ChildSpec, Restart, Strategy
from actors.kit.supervisor import (
    ChildStatistics,
    Supervisor,
    SupervisorStatistics,
    run_supervised,
)
from actors.kit.ticker import Ticker, every

__all__ = [
    "Backoff",
    "ChildCrashed",
    "ChildCutOff",
    "ChildRestarting",
    "ChildSpec",
    "ChildStartFailed",
    "ChildStartTimedOut",
    "ChildStarted",
    "ChildState",
    "ChildStatistics",
    "ChildStopped",
    "ChildStuck",
    "Escalated",
    "Event",
    "Life",
    "PermanentChildReturned",
    "Restart",
    "Strategy",
    "SupervisionError",
    "Supervisor",
    "SupervisorEscalated",
    "SupervisorNotRunning",
    "SupervisorStatistics",
    "Ticker",
    "every",
    "log",
    "run_supervised",
]
