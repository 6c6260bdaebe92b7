"""The registry, the decorator and the import path."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import pickle
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from runtime import App, Backoff, Kind, UnknownKind, UsageError, load
from runtime.errors import ArgsInvalid, PayloadInvalid, PayloadTooLarge
from runtime.payload import PayloadLimits

app = App("tests")
cloudpickle = importlib.import_module("cloudpickle")  # it has no types


@app.job
def thumbnail(path: str, width: int = 256) -> str:
    """Make a small picture."""
    return f"{path}@{width}"


@app.job(
    kind="mail.send",
    queue="mail",
    priority=3,
    timeout=timedelta(minutes=1),
    max_attempts=3,
    backoff=Backoff(base_seconds=2.0),
)
async def send(to: str, *, subject: str = "") -> int:
    await asyncio.sleep(0)
    return len(to + subject)


def test_a_handler_stays_callable_and_keeps_its_face() -> None:
    assert thumbnail("a.png", width=8) == "a.png@8"
    assert asyncio.run(send("you", subject="hi")) == 5
    assert thumbnail.__name__ == "thumbnail"
    assert thumbnail.__doc__ == "Make a small picture."
    assert list(inspect.signature(thumbnail).parameters) == ["path", "width"]


def test_the_registry_knows_handlers_by_kind() -> None:
    assert list(app.handlers) == ["thumbnail", "mail.send"]
    assert app.handler("mail.send") is send
    assert (thumbnail.is_async, send.is_async) == (False, True)
    with pytest.raises(UnknownKind, match=r"'nope'; it has: mail\.send, thumbnail"):
        app.handler("nope")


def test_a_node_is_told_timeout_and_backoff() -> None:
    info = send.info()

    assert (info.kind, info.is_async, info.timeout_seconds) == ("mail.send", True, 60.0)
    assert info.backoff == Backoff(base_seconds=2.0)
    assert thumbnail.info().timeout_seconds is None


def test_a_job_has_its_handlers_options() -> None:
    job = send.new_job("you")

    assert (job.kind, job.queue, job.priority, job.max_attempts) == ("mail.send", "mail", 3, 3)
    assert job.args == '{"to":"you"}'
    assert job.timeout_seconds is None  # the handler's own, which the node knows
    assert job.id.version == 7


def test_options_of_an_enqueue_win_and_the_others_stay() -> None:
    some = send.with_options(queue="urgent", tags=["a", "b"], metadata={"trace": "x"}, timeout=5)
    job = some.with_options(priority=1, delay=timedelta(seconds=90), id=(id_ := uuid4())).new_job(
        "you"
    )

    assert (job.queue, job.priority, job.max_attempts) == ("urgent", 1, 3)
    assert (job.tags, job.metadata, job.timeout_seconds) == (("a", "b"), '{"trace":"x"}', 5.0)
    assert (job.delay_seconds, job.scheduled_at, job.id) == (90.0, None, id_)
    at = datetime(2030, 1, 1, tzinfo=UTC)
    assert some.with_options(delay=1).with_options(scheduled_at=at).new_job("x").scheduled_at == at


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"priority": 5}, "priority"),
        ({"priority": True}, "priority"),
        ({"queue": ""}, "queue"),
        ({"max_attempts": 0}, "max_attempts"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"delay": "soon"}, "delay"),
        ({"delay": 1, "scheduled_at": datetime(2030, 1, 1, tzinfo=UTC)}, "not both"),
        ({"scheduled_at": datetime(2030, 1, 1)}, "time zone"),
        ({"tags": ["x"] * 101}, "100 tags"),
        ({"tags": ["\0"]}, "tag"),
        ({"metadata": ["x"]}, "metadata"),
        ({"id": "7"}, "id"),
    ],
)
def test_a_bad_option_is_refused_by_name(options: dict[str, object], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        send.with_options(**options)  # type: ignore[arg-type]


def test_a_signature_is_checked_at_enqueue() -> None:
    with pytest.raises(ArgsInvalid, match=r"thumbnail\(path: .*\).*missing .*'path'"):
        thumbnail.new_job()  # type: ignore[call-arg]
    with pytest.raises(ArgsInvalid, match="unexpected keyword argument 'hight'"):
        thumbnail.new_job("a", hight=1)  # type: ignore[call-arg]
    with pytest.raises(ArgsInvalid, match=r"Expected `int`, got `str` - at `\$\.width`"):
        thumbnail.new_job("a", width="b")  # type: ignore[arg-type]


def test_payloads_are_guarded_before_anything_is_sent(caplog: pytest.LogCaptureFixture) -> None:
    small = App(limits=PayloadLimits(args_bytes=100, warn_bytes=50))

    @small.job
    def keep(text: str) -> None: ...

    with pytest.raises(PayloadTooLarge) as refused:
        keep.new_job("x" * 100)
    assert (refused.value.field, refused.value.limit) == ("args", 100)
    with pytest.raises(PayloadInvalid, match=r"\$\.text"):
        keep.new_job("\0")
    assert not caplog.records
    keep.new_job("x" * 60)
    assert "args of a keep job are 71 bytes" in caplog.text


@pytest.mark.parametrize("kind", ["", "1st", "a b", "ü", "x" * 128, 7])
def test_a_kind_is_a_stable_name(kind: object) -> None:
    with pytest.raises(UsageError, match="kind"):
        Kind(kind)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="cannot be a kind"):
        App().job(lambda: None)


def test_a_kind_is_taken_once() -> None:
    with pytest.raises(UsageError, match="'thumbnail' is taken by <SyncHandler thumbnail"):
        app.job(kind="thumbnail")(lambda: None)


def test_what_cannot_be_a_handler_is_refused_where_it_is_decorated() -> None:
    registry = App()

    def many(*paths: str) -> None: ...

    def stream() -> object:
        yield 1

    with pytest.raises(UsageError, match=r"\*paths"):
        registry.job(many)
    with pytest.raises(UsageError, match="generator"):
        registry.job(stream)
    with pytest.raises(UsageError, match="takes a function"):
        registry.job("mail")  # type: ignore[call-overload]
    with pytest.raises(UsageError, match="backoff"):
        registry.job(kind="x", backoff=3)(lambda: None)  # type: ignore[call-overload]
    with pytest.raises(UsageError, match="namespace"):
        App(namespace="Bad Name")
    assert not registry.handlers


def test_a_backoff_function_is_asked_in_the_child(caplog: pytest.LogCaptureFixture) -> None:
    answers: list[object] = [1.5, timedelta(seconds=3), None, -1.0, "soon", 1e12]

    def choose(attempt: int, error: BaseException) -> float:
        return answers[attempt]  # type: ignore[return-value]

    registry = App()
    registry.job(kind="x", backoff=choose)(lambda: None)
    handler = registry.handler("x")
    error = ValueError("no")

    assert [handler.backoff_for(n, error) for n in range(3)] == [1.5, 3.0, None]
    assert [handler.backoff_for(n, error) for n in (3, 4, 99)] == [None, None, None]
    assert caplog.text.count("the backoff function of x failed") == 3
    assert handler.backoff_for(5, error) == 30 * 86_400
    assert thumbnail.backoff_for(1, error) is None


def test_an_app_crosses_to_a_child_with_its_decoders_left_behind() -> None:
    registry = App(namespace="elsewhere")

    @registry.job
    def double(number: int) -> int:
        return number * 2

    assert double.call('{"number":2}') == 4
    copy: App = pickle.loads(cloudpickle.dumps(registry))

    handler = copy.handler("double")
    assert handler.call('{"number":4}') == 8
    assert handler.namespace == "elsewhere"
    copy.namespace = "moved"
    assert handler.namespace == "moved"


def test_a_kind_without_its_handler_can_be_enqueued() -> None:
    job = Kind("thumbnail").with_options(queue="q").new_job(path="x", width=3)

    assert (job.kind, job.queue, job.args) == ("thumbnail", "q", '{"path":"x","width":3}')
    with pytest.raises(ArgsInvalid, match="by name"):
        Kind("thumbnail").new_job("x")
    assert Kind("thumbnail").decode_output('{"a":[1]}') == {"a": [1]}
    assert Kind("thumbnail").decode_output(None) is None


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a module `shop_jobs`, to be in; it is forgotten afterwards."""
    (tmp_path / "shop_jobs.py").write_text(
        "from runtime import App\napp = other = App('shop')\nclass box:\n    inner = App('inner')\n"
        "number = 7\n@app.job\ndef sell(what: str): ...\n"
    )
    (tmp_path / "shop_broken.py").write_text("import no_such_thing\n")
    (tmp_path / "shop_typo.py").write_text(
        "from __future__ import annotations\nfrom runtime import App\napp = App()\n"
        "@app.job\ndef sell(what: Wares): ...\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("shop_jobs", "shop_broken", "shop_typo"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


@pytest.mark.usefixtures("project")
def test_an_app_is_loaded_by_its_import_path() -> None:
    assert load("shop_jobs").name == "shop"
    assert load("shop_jobs:other").name == "shop"
    assert load("shop_jobs:box.inner").name == "inner"


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("shop_absent:app", "no module named 'shop_absent': looked in /"),
        ("shop_jobs.deeper", "no module named 'shop_jobs.deeper'"),
        ("shop_jobs:nope", "no attribute 'nope'; its apps: app, other"),
        ("shop_jobs:number", "is 7, not a runtime.App"),
        ("shop_jobs.py", "no import path"),
        ("./shop_jobs", "no import path"),
        (":app", "no import path"),
        ("shop_typo", "annotation 'Wares' of what needs a name"),
    ],
)
def test_an_import_path_that_leads_nowhere_is_told_plainly(path: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        load(path)


@pytest.mark.usefixtures("project")
def test_an_error_of_the_apps_own_import_is_the_apps() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_thing"):
        load("shop_broken")


def test_kinds_that_are_headraces_own_are_refused() -> None:
    greedy = App("greedy")
    with pytest.raises(UsageError, match="Headrace's own"):
        greedy.job(kind="headrace.graph")(lambda: None)
    with pytest.raises(UsageError, match="Headrace's own"):
        greedy.job(kind="mine", aliases=["headrace.graph"])(lambda: None)
    with pytest.raises(UsageError, match="Headrace's own"):
        greedy.workflow(kind="headrace.graph")(lambda ctx: None)
    assert not greedy.handlers
