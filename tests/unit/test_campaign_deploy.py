"""What `scripts/chaos deploy` measures: how long until a job that was handed back runs again."""

from __future__ import annotations

from uuid import UUID

from scripts.campaigns.deploy import again
from scripts.campaigns.history import HandBack, Run

ONE, TWO, THREE = (UUID(int=number) for number in (1, 2, 3))


def test_it_counts_from_the_hand_back_to_the_next_run_of_the_job() -> None:
    """Job 1 was handed back before it began, then while it ran; job 2 once; job 3 waits."""
    backs = [HandBack(ONE, 1, 1.0), HandBack(ONE, 2, 5.0), HandBack(TWO, 1, 6.0)]
    runs = [
        Run(TWO, 1, 10, 5.5, None),
        Run(ONE, 3, 11, 5.25, 9.0),
        Run(ONE, 2, 10, 1.5, None),
        Run(TWO, 2, 11, 8.0, 8.5),
    ]
    assert again([*backs, HandBack(THREE, 1, 7.0)], runs) == [(ONE, 0.5), (ONE, 0.25), (TWO, 2.0)]
