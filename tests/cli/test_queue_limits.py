"""`queue limit`, `limits`, `add` and `remove`."""

from __future__ import annotations

from tests.cli.conftest import Cli


def test_limits_are_set_and_listed(on: Cli) -> None:
    limited = on("queue", "limit", "emails", "--concurrency", "10", "--rate", "100/60", "--json")
    assert limited.json == {
        "emails": {
            "concurrency": 10,
            "per_key": None,
            "rate": {"count": 100, "per": 60.0, "burst": 1, "per_key": False},
            "fair": False,
        }
    }
    assert "emails  10           -        100/60 s  1" in on("queue", "limits").out
    assert on("queue", "limit", "emails", "--json").json == {}


def test_what_can_be_no_limit_is_one_line(on: Cli) -> None:
    assert "--rate is 'often'" in on("queue", "limit", "q", "--rate", "often", status=2).err
    assert "belong to --rate" in on("queue", "limit", "q", "--burst", "3", status=2).err
    assert "concurrency is 0" in on("queue", "limit", "q", "--concurrency", "0", status=2).err
    assert "no node lives" in on("queue", "add", "media:4", status=2).err
