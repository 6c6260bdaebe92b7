"""An app with resources and middleware; what happens is written to the file $SURROUNDED_LOG."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

from runtime import App, Snooze, injected
from runtime.child.context import JobContext
from runtime.middleware import Call

app = App()


def note(text: str) -> None:
    with open(os.environ["SURROUNDED_LOG"], "a") as file:
        file.write(text + "\n")


def notes() -> list[str]:
    with open(os.environ["SURROUNDED_LOG"]) as file:
        return file.read().splitlines()


class Model:
    """What takes long to load."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.used = 0


class Tokens(list[str]):
    """What the model needs itself."""


class Transaction:
    """What each run has of its own."""


class Pool:
    """What is async."""

    def __init__(self) -> None:
        self.used = 0


@app.resource(eager=True)
def tokens() -> Iterator[Tokens]:
    note("tokens up")
    yield Tokens(["a"])
    note("tokens down")


@app.resource
def model(words: Tokens) -> Iterator[Model]:
    note("model up")
    yield Model(words[0])
    note("model down")


@app.resource
def second_model() -> Model:
    note("second model up")
    if notes().count("second model up") == 1:
        raise ConnectionError("the first time")
    return Model("second")


@app.resource(scope="run")
def transaction(base: Annotated[Model, model]) -> Iterator[Transaction]:
    note("begin")
    try:
        yield Transaction()
    except BaseException as error:
        note(f"rollback {type(error).__name__}")
        return
    note("commit")


@app.resource
async def pool() -> AsyncIterator[Pool]:
    note("pool up")
    await asyncio.sleep(0.05)
    async with asyncio.timeout(60):  # to be left in the task that has entered it
        yield Pool()
    note("pool down")


@app.resource
async def stubborn() -> dict[str, int]:
    note("stubborn up")
    if notes().count("stubborn up") == 1:
        await asyncio.sleep(600)
    return {}


# --- handlers -------------------------------------------------------------------------------------


@app.job
def use(times: int, *, it: Annotated[Model, model] = injected) -> list[Any]:
    it.used += times
    return [it.name, it.used]


@app.job
def use_second(*, it: Annotated[Model, second_model] = injected) -> str:
    return it.name


@app.job
def transfer(fail: bool, *, tx: Transaction = injected) -> str:
    if fail:
        raise ValueError("no money")
    return type(tx).__name__


@app.job
def sleep_in_transaction(*, tx: Transaction = injected) -> None:
    note("sleeping")
    time.sleep(600)


@app.job
async def fetch(*, connections: Pool = injected) -> int:
    connections.used += 1
    await asyncio.sleep(0)
    return connections.used


@app.job
async def insist(*, it: dict[str, int] = injected) -> int:
    it["used"] = it.get("used", 0) + 1
    return it["used"]


# --- middleware -----------------------------------------------------------------------------------


@app.job
def greet(name: str, mark: str = "!") -> str:
    return f"hello {name}{mark}"


@app.job
async def greet_later(name: str) -> str:
    await asyncio.sleep(0)
    return f"later {name}"


@app.around_run
def outer(job: JobContext, call: Call) -> Any:
    if job.kind != "greet":
        return call()
    if call.args["name"] == "nobody":
        raise Snooze(9)
    result = call()
    return f"outer({result}, {job.attempt})"


@app.around_run
def inner(job: JobContext, call: Call) -> Any:
    if job.kind == "greet":
        call.args["name"] = call.args["name"].upper()
    with contextlib.suppress(KeyError):
        return f"inner({call()})" if job.kind == "greet" else call()
    return None


@greet.around_run
def own(_job: JobContext, call: Call) -> Any:
    return f"own({call()})"


@app.around_run
async def async_outer(job: JobContext, call: Call) -> Any:
    if job.kind != "greet_later":
        return await call()
    return f"around({await call()})"
