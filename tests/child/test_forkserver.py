"""The fork server's actor: what it tells of the app, how children are born, what they inherit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
import trio

from actors.forkserver import ForkServer
from actors.kit.life import Life
from runtime.child import launch
from runtime.child.settings import ChildSettings
from runtime.errors import AppError, UsageError
from runtime.job import KindInfo
from runtime.outcome import Completed
from tests.child.apps import app
from tests.child.steering import (
    BOUND_SECONDS,
    Steered,
    child_of,
    children_of,
    eventually,
    one_child,
    serving,
)

ROOT = Path(__file__).parents[2]


async def look_around(child: Steered) -> dict[str, Any]:
    outcome = await child.run("look_around")
    assert isinstance(outcome, Completed)
    seen: dict[str, Any] = json.loads(outcome.output or "")
    return seen


@pytest.mark.measured
async def test_it_tells_the_apps_kinds(server: ForkServer) -> None:
    kinds = await server.kinds()

    assert {kind.kind for kind in kinds} == set(app.handlers)
    assert KindInfo("async_give", is_async=True) in kinds
    assert KindInfo("give") in kinds


async def test_the_actor_has_started_once_the_app_is_imported() -> None:
    started = trio.Event()
    life = Life("forkserver", on_started=started.set)
    server = ForkServer("tests.child.apps:app")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.run, life)
        with trio.fail_after(BOUND_SECONDS):
            await started.wait()
        assert server.pid is not None
        life.ask_to_stop()
    assert server.pid is None


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("tests.child.no_such_module:app", "No module named 'tests.child.no_such_module'"),
        ("tests.child.apps:no_such_app", "no attribute 'no_such_app'"),
        ("tests.child.apps:os", "is no app, but a module"),
        ("tests.child.broken_app", "the disk of this app is full"),
        (":app", "is no import path"),
        (b"no pickle", "the pickled app"),
    ],
)
@pytest.mark.measured
async def test_an_app_that_cannot_be_imported_is_told_to_all_who_ask(
    source: str | bytes, reason: str
) -> None:
    server = ForkServer(source)
    errors: list[AppError] = []

    async def ask() -> None:
        with pytest.raises(AppError) as caught:
            await server.kinds()
        errors.append(caught.value)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        with pytest.raises(AppError) as caught, trio.fail_after(BOUND_SECONDS):
            await server.run(Life("forkserver"))

    assert reason in str(caught.value)
    assert errors == [caught.value]
    with pytest.raises(AppError):
        await server.spawn(0, is_async=False)
    assert children_of(os.getpid()) == []


async def test_a_broken_apps_traceback_shows_its_own_lines_only() -> None:
    server = ForkServer("tests.child.broken_app")
    with pytest.raises(AppError) as caught:
        await server.run(Life("forkserver"))

    message = str(caught.value)
    assert "broken_app.py" in message
    assert "raise RuntimeError" in message
    assert "runtime/child" not in message
    assert "importlib" not in message


async def test_an_app_whose_import_kills_the_process_is_broken() -> None:
    server = ForkServer("tests.child.deadly_app")
    with pytest.raises(AppError, match="died 3 times while it imported the app: exit status 9"):
        await server.run(Life("forkserver"))


async def test_threads_of_the_import_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    async with serving("tests.child.threaded_app:app") as server, child_of(server) as child:
        assert await child.run("give", value=1) == Completed("1")
    assert "started 1 threads" in caplog.text


async def test_a_stop_during_a_long_import_is_obeyed() -> None:
    life = Life("forkserver")
    server = ForkServer("tests.child.slow_app:app")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.run, life)
        await eventually(lambda: children_of(os.getpid()))
        began = perf_counter()
        life.ask_to_stop()
    assert perf_counter() - began < 5
    assert children_of(os.getpid()) == []


def test_a_node_inside_the_import_of_an_app_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "importing_app", True)

    with pytest.raises(UsageError, match="starts a node when it is imported"):
        launch.start_server(1)


async def test_children_are_light_and_clean(child: Steered) -> None:
    seen = await look_around(child)

    assert not {"trio", "asyncpg", "actors"} & set(seen["modules"])
    assert seen["group"] == seen["pid"] == child.child.pid
    assert seen["stdin"] == ""
    assert seen["oom_score_adj"] == 500
    # 0, 1, 2; its socket and its file of stacks, the page's file and its mapping's own copy; and
    # the one by which it reads this list.
    assert len(seen["fds"]) <= 8


@pytest.mark.measured
async def test_children_draw_other_random_numbers_than_their_siblings(server: ForkServer) -> None:
    async with child_of(server, 0) as one, child_of(server, 1) as other:
        first, second = await look_around(one), await look_around(other)

        assert first["at_import"] == second["at_import"]
        assert first["random"] != second["random"]


async def test_thread_pools_get_their_share_of_the_cores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "7")
    async with one_child(ChildSettings(workers=1000)) as child:
        seen = await look_around(child)

    assert seen["OMP_NUM_THREADS"] == "1"
    assert seen["MKL_NUM_THREADS"] == "7"


def test_the_share_is_cores_by_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "usable_cpus", lambda: list(range(12)))

    assert launch.environment({}, 4)["OPENBLAS_NUM_THREADS"] == "3"
    assert launch.environment({}, 0)["OPENBLAS_NUM_THREADS"] == "12"
    assert launch.environment({"OPENBLAS_NUM_THREADS": ""}, 4)["OPENBLAS_NUM_THREADS"] == ""


def test_a_server_runs_under_the_nodes_own_interpreter_options() -> None:
    code = "from runtime.child import launch; print(launch.interpreter('a.b:c', 1, 2))"
    options = ["-O", "-B", "-W", "error::UserWarning", "-X", "utf8=1", "-X", "dev"]

    done = subprocess.run(
        [sys.executable, *options, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    for option in ("'-O'", "'-B'", "'-Werror::UserWarning'", "'-X', 'utf8=1'", "'-X', 'dev'"):
        assert option in done.stdout
    assert "from a.b import c; c(1, 2)" in done.stdout


@pytest.mark.measured
async def test_pinned_children_have_a_core_each() -> None:
    cores = sorted(os.sched_getaffinity(0))
    async with serving(settings=ChildSettings(pin_cpus=True)) as server:
        for number in range(len(cores) + 1):
            async with child_of(server, number) as child:
                seen = await look_around(child)
                assert seen["affinity"] == [cores[number % len(cores)]]


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.measured
async def test_spawned_children_do_as_forked_ones(is_async: bool) -> None:
    kind = "async_give" if is_async else "give"
    async with one_child(ChildSettings(start_method="spawn"), is_async=is_async) as child:
        assert await child.run(kind, value=[1]) == Completed("[1]")
        if not is_async:
            seen = await look_around(child)
            assert seen["group"] == child.child.pid
            assert len(seen["fds"]) <= 8
            await child.hand("segfault")
            assert (await child.child.wait()).signal == "SIGSEGV"
            assert "in segfault" in child.child.last_stack()


@pytest.mark.measured
async def test_a_child_that_cannot_be_set_up_is_returned_dead_with_its_reason() -> None:
    """Under a limit that is far below what Python itself needs."""
    settings = ChildSettings(start_method="spawn", memory_limit_bytes=1024 * 1024)
    async with one_child(settings) as child:
        exit_ = await child.child.wait()

        assert exit_.exit_status != 0
        assert child.child.page.begun_seq == 0


SCRIPT = '''
import sys, threading
import cloudpickle, trio
from tests.child.apps import SmallApp
from tests.child.steering import one_child, serving, child_of

app = SmallApp()
factor = 3

class Odd(Exception):
    """Defined in __main__, known to the child by value."""

@app.job
def times(n):
    return n * factor

@app.job
def fail():
    raise Odd("in main")

async def main():
    async with serving(cloudpickle.dumps(app)) as server, child_of(server) as child:
        print(await child.run("times", n=14))
        print((await child.run("fail")).failure.error_class)

if __name__ == "__main__":
    trio.run(main)
'''


async def test_an_app_defined_in_a_script_crosses_by_value(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)

    done = await trio.run_process(
        [sys.executable, str(script)],
        capture_stdout=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )

    assert done.stdout.decode().splitlines() == ["Completed(output='42')", "Odd"]


async def test_an_app_in_the_working_directory_is_found(tmp_path: Path) -> None:
    (tmp_path / "my_jobs.py").write_text(
        "from tests.child.apps import SmallApp\n"
        "app = SmallApp()\n"
        "@app.job\n"
        "def here(): return __file__\n"
    )
    program = (
        "import trio\n"
        "from tests.child.steering import child_of, serving\n"
        "async def main():\n"
        "    async with serving('my_jobs') as server, child_of(server) as child:\n"
        "        print((await child.run('here')).output)\n"
        "trio.run(main)\n"
    )
    (tmp_path / "elsewhere").mkdir()
    script = tmp_path / "elsewhere" / "program.py"
    script.write_text(program)

    done = await trio.run_process(
        [sys.executable, str(script)],
        capture_stdout=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )

    assert json.loads(done.stdout) == str(tmp_path / "my_jobs.py")


def test_the_childs_package_imports_no_trio_and_no_database() -> None:
    code = (
        "import sys, runtime.child.server, runtime.child.spawning, runtime.child.async_loop\n"
        "print(sorted({'trio', 'asyncpg', 'actors', 'outcome'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


async def test_a_child_is_there_in_milliseconds_also_when_the_app_is_heavy() -> None:
    """Measured: see runtime/child/server.py. The bound here is for a busy machine."""
    async with serving("tests.child.heavy_app:app") as server:
        await server.kinds()
        seconds: list[float] = []
        for _ in range(5):
            began = perf_counter()
            async with child_of(server) as child:
                seconds.append(perf_counter() - began)
                assert child.child.exit is None
    assert min(seconds) < 0.2
