"""`namespace` on a real database: made, listed, disabled, enabled, dropped."""

from __future__ import annotations

import psycopg
import pytest

from runtime import Client
from runtime.errors import NamespaceDisabled
from tests.cli.conftest import Cli
from tests.cli.test_jobs import execute
from tests.client.node import node_by_hand


def states(on: Cli) -> dict[str, str]:
    found = on("namespace", "list", "--json").json
    return {each["name"]: "disabled" if each["disabled"] else "enabled" for each in found}


def test_one_is_made_listed_and_dropped(on: Cli, migrated_url: str) -> None:
    assert on("namespace", "create", "crops", "--json").json == {"name": "crops", "created": True}
    assert on("namespace", "create", "crops", "--json").json["created"] is False
    on("enqueue", "k", "--namespace", "crops")
    assert states(on) == {"crops": "enabled", "headrace": "enabled"}

    assert "--yes" in on("namespace", "drop", "crops", status=2).err
    with node_by_hand(migrated_url, "crops"):
        assert "nodes live" in on("namespace", "drop", "crops", "--yes", status=2).err
    assert len(on("job", "list", "--namespace", "crops", "--json").json) == 1
    execute(migrated_url, "UPDATE crops.node SET ended_at = now()")
    on("namespace", "drop", "crops", "--yes")

    assert states(on) == {"headrace": "enabled"}
    assert "no namespace" in on("namespace", "drop", "crops", "--yes", status=78).err
    on("namespace", "create", "Not-A-Name", status=2)


def test_objects_of_others_are_kept(on: Cli, migrated_url: str) -> None:
    on("namespace", "create", "crops")
    execute(migrated_url, "CREATE TABLE crops.theirs (x int)")

    dropped = on("namespace", "drop", "crops", "--yes", "--json").json

    assert dropped == {"name": "crops", "dropped": True, "schema_left": True}
    execute(migrated_url, "SELECT * FROM crops.theirs")
    assert states(on) == {"headrace": "enabled"}


def test_a_disabled_one_takes_no_jobs_and_gives_none(on: Cli, migrated_url: str) -> None:
    on("enqueue", "k")
    on("enqueue", "k")
    with node_by_hand(migrated_url) as node, Client(None, migrated_url) as client:
        first = node.claim("k")
        assert on("namespace", "disable", "headrace", "--json").json["changed"] is True
        assert on("namespace", "disable", "headrace", "--json").json["changed"] is False
        assert states(on) == {"headrace": "disabled"}

        refused = on("enqueue", "k", status=69)
        assert "the namespace 'headrace' is disabled" in refused.err
        with pytest.raises(NamespaceDisabled):
            client.enqueue("k")
        with pytest.raises(psycopg.DatabaseError, match="disabled"):
            execute(migrated_url, "SELECT headrace.enqueue('k')")
        with pytest.raises(ValueError, match="unpack"):
            node.claim("k")
        node.complete(first, None)  # what runs goes on

        assert on("namespace", "enable", "headrace", "--json").json["changed"] is True
        node.complete(node.claim("k"), None)
        client.enqueue("k")
