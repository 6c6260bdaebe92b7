"""`workflow signal`, `event`, `read`, `steps` and `fork`, and `job show` of a workflow."""

from __future__ import annotations

from uuid import uuid4

from tests.cli.conftest import Cli
from tests.cli.test_jobs import execute


def recorded(url: str, job_id: str) -> None:
    """Two done steps, the second of them published, and a wait."""
    execute(
        url,
        "INSERT INTO headrace.step (job_id, place, op, name, done, output, run_number, seconds)"
        f" VALUES ('{job_id}', '1', 'step', 'list', true, '[1, 2]', 1, 0.5),"
        f" ('{job_id}', '2', 'publish', 'draft', true, '{{\"lines\": 3}}', 1, NULL),"
        f" ('{job_id}', '3', 'signal', 'approved', false, NULL, 1, NULL)",
    )
    execute(
        url,
        "INSERT INTO headrace.published (job_id, key, value)"
        f" VALUES ('{job_id}', 'draft', '{{\"lines\": 3}}')",
    )


def test_workflows_are_signalled_read_shown_and_forked(on: Cli, migrated_url: str) -> None:
    job_id = on("enqueue", "library", "{}", "--external-id", "A-17").out.strip()
    assert on("enqueue", "library", "{}", "--external-id", "A-17").out.strip() == job_id
    recorded(migrated_url, job_id)

    signal_id = uuid4()
    sent = on("workflow", "signal", job_id, "approved", '{"by": "x"}', "--id", signal_id)
    assert "the signal was sent" in sent.err
    assert "was there already" in on("workflow", "signal", job_id, "a", "--id", signal_id).err
    assert "has happened" in on("workflow", "event", "rates", "1").err
    assert "had happened before" in on("workflow", "event", "rates", "2").err

    assert on("workflow", "read", job_id, "draft").json == {"lines": 3}
    absent = on("workflow", "read", job_id, "report", status=1)
    assert "has published no 'report' yet" in absent.err

    shown = on("workflow", "steps", job_id).out.splitlines()
    assert shown[0].startswith("timeline: 3 steps, ")
    assert shown[1].split()[2:4] == ["step", "list"]
    assert shown[3].rstrip().endswith("waits")
    assert on("job", "show", job_id, "--json").json["steps"] == (
        on("workflow", "steps", job_id, "--json").json
    )
    assert "output" not in on("workflow", "steps", job_id, "--json").json[0]
    steps = on("workflow", "steps", job_id, "--json", "--outputs").json
    assert [(step["op"], step["output"]) for step in steps][:2] == [
        ("step", [1, 2]),
        ("publish", {"lines": 3}),
    ]
    assert "timeline: 3 steps, " in on("job", "show", job_id).out

    fork = on("workflow", "fork", job_id, "draft", "--json").json
    assert fork["inserted"]
    assert [step["name"] for step in on("workflow", "steps", fork["id"], "--json").json] == ["list"]
    again = on("workflow", "fork", job_id, "2", "--id", fork["id"])
    assert again.out.strip() == fork["id"]
    assert "nothing was added" in again.err


def test_what_cannot_be_is_said_in_one_line(on: Cli) -> None:
    job_id = on("enqueue", "library", "{}").out.strip()
    nobody = uuid4()
    both = on("enqueue", "library", "--id", nobody, "--external-id", "A", status=2)
    assert "both --id and --external-id" in both.err
    assert "no usable JSON" in on("workflow", "signal", job_id, "go", "{", status=2).err
    assert f"no job {nobody}" in on("workflow", "signal", nobody, "go", status=1).err
    assert f"no job {nobody}" in on("workflow", "steps", nobody, status=1).err
    assert "has recorded no steps" in on("workflow", "steps", job_id).err
    assert on("workflow", "steps", job_id, "--json").json == []
    assert "needs --json" in on("workflow", "steps", job_id, "--outputs", status=2).err
    assert "steps" not in on("job", "show", job_id, "--json").json
    assert "no step of the name 'b'" in on("workflow", "fork", job_id, "b", status=2).err
    on("job", "cancel", job_id)
    assert "is cancelled" in on("workflow", "signal", job_id, "go", status=1).err


def test_a_child_is_shown_with_its_parent_and_a_parent_with_its_children(
    on: Cli, migrated_url: str
) -> None:
    parent, child, other = (on("enqueue", "library", "{}").out.strip() for _ in range(3))
    execute(
        migrated_url,
        f"UPDATE headrace.job SET parent_id = '{parent}', parent_place = '3.0.1'"
        f" WHERE id IN ('{child}', '{other}')",
    )
    on("job", "cancel", other)

    told = on("job", "show", child, "--json").json
    assert told["parent"] == {
        "id": parent, "place": "3.0.1", "kind": "library", "state": "available",
    }  # fmt: skip
    assert "children" not in told
    assert f"{parent} at step 3.0.1 (library, available)" in on("job", "show", child).out

    told = on("job", "show", parent, "--json").json
    assert told["children"] == {"available": 1, "cancelled": 1}
    assert "parent" not in told
    assert "1 available, 1 cancelled" in on("job", "show", parent).out

    execute(migrated_url, f"DELETE FROM headrace.job WHERE id = '{parent}'")
    assert on("job", "show", child, "--json").json["parent"]["state"] is None
    assert f"{parent} at step 3.0.1 (gone)" in on("job", "show", child).out
