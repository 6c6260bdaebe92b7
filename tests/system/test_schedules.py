"""A real node: schedules of its app's code and of run time fire in time, and so do delayed jobs."""

from __future__ import annotations

import statistics

from runtime import every
from tests.support.processes import wait_for
from tests.support.punctual import beside
from tests.system.site import Site

APP = "tests.system.schedule_app:app"
# The promise, on a machine that is not busy.
PROMISED_SECONDS = 0.05
# Tests share theirs. From its due time to its claim a job waits for four processes, one after the
# other, each of which may have to wait for a core: for the stager and its statement, for the node
# that is notified and its claim.
HOPS = 4

_LATENESS = """
SELECT extract(epoch FROM attempted_at - scheduled_at)::double precision
FROM job WHERE kind = %s AND run_number = 1
"""


_TOLD = """
SELECT output, metadata ->> 'scheduled_for'
FROM job WHERE kind = 'tick' AND state = 'completed'
"""


def lateness(site: Site, kind: str) -> list[float]:
    return [seconds for (seconds,) in site.query(_LATENESS, kind)]


def test_schedules_fire_and_delayed_jobs_start_in_time(site: Site) -> None:
    from tests.system.schedule_app import late

    site.serve(APP, workers=1)
    with beside(site.url) as machine:
        site.client.schedules.create("own", every(0.4), "late", number=1)
        site.add(*(late.with_options(delay=0.2 + n / 20).new_job(number=n) for n in range(20)))
        wait_for(
            lambda: len(lateness(site, "tick")) >= 4 and len(lateness(site, "late")) >= 23,
            lambda: f"{site.states()}\n{site.nodes[0].log[-4000:]}",
            30,
            every=0.1,
        )

    tick = site.client.schedules.get("tick")
    assert (tick.in_code, tick.declared, tick.kind) == (True, True, "tick")
    for output, scheduled_for in site.query(_TOLD):
        assert output == scheduled_for
    allowed = PROMISED_SECONDS + HOPS * machine.median
    for kind in ("tick", "late"):
        seconds = lateness(site, kind)
        middle = statistics.median(seconds)
        print(
            f"{kind}: started {middle * 1000:.1f} ms late (median), {max(seconds) * 1000:.0f} ms"
            f" at most; the machine was {machine.median * 1000:.1f} ms late"
        )
        assert middle < allowed, (kind, seconds, machine.seconds)
