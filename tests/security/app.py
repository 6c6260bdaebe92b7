"""The app of these tests: handlers that end well, badly, and not at all."""

from __future__ import annotations

from runtime import App

app = App()

OUTPUT = "output-e81c05d7"  # what `echo` returns besides what it was given


@app.job
def echo(text: str) -> str:
    return f"{OUTPUT} {text}"


@app.job(max_attempts=1)
def fails(text: str) -> None:
    kept = text.upper()
    raise ValueError(f"no, after {len(kept)} characters")


@app.job(timeout=0.2, max_attempts=1)
def never_returns(text: str) -> None:
    """Deaf to every polite request: its stack is kept, and it is killed."""
    while text:
        try:
            while text:
                pass
        except BaseException:  # noqa: S112, BLE001, RUF100 - that is the point
            continue
