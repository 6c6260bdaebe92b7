"""One environment: a venv that has Headrace, editable, and the extras that were asked for so far.

    look for one that is ready ─▶ choose a folder ─▶ lock ─▶ venv ─▶ pip ─▶ stamp

Rule: the stamp is taken away before anything is changed and written when all is done.
"""

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from scripts.provision import places, stamp
from scripts.provision.running import run
from scripts.provision.stamp import Stamp

_LOCK = "headrace.lock"


def ensure(checkout: Path, extra: str) -> Path:
    """The Python of an environment with this extra, made or refreshed if need be.

    Raises ProvisionError; OSError, where a disk is full or the like.
    """
    name = ".venv-{}.{}".format(*sys.version_info)
    digest = stamp.declaration(checkout, extra)
    origin = stamp.origin(checkout)
    for folder in places.candidates(checkout, name):
        if _is_ready(folder, origin, extra, digest):
            return _python(folder)
    folder = places.own_folder(checkout, name)
    with _locked(folder):
        if not _is_ready(folder, origin, extra, digest):  # somebody else may have made it
            _make(folder, checkout, origin, extra, digest)
    return _python(folder)


def _is_ready(folder: Path, origin: list[str], extra: str, digest: str) -> bool:
    found = Stamp.read(folder)
    return (
        found is not None
        and found.origin == origin
        and found.extras.get(extra) == digest
        and os.access(_python(folder), os.X_OK)
    )


def _make(folder: Path, checkout: Path, origin: list[str], extra: str, digest: str) -> None:
    made = Stamp.read(folder)
    stamp.remove(folder)
    if made is None or made.origin != origin:
        made = Stamp(origin)
        _tell(f"making an environment in {folder}")
        _empty(folder)
        run("python3 -m venv", [sys.executable, "-I", "-m", "venv", str(folder)])
    _tell(f"installing headrace[{extra}]; the first time takes about a minute")
    pip = [str(_python(folder)), "-I", "-m", "pip", "install", "--quiet"]
    run("pip install", [*pip, "--editable", f"{checkout}[{extra}]"])
    # Extras installed for another declaration may now be out of date.
    current = {name: old for name, old in made.extras.items() if old == digest}
    replace(made, extras=current | {extra: digest}).write(folder)


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


def _empty(folder: Path) -> None:
    """Remove all but the lock, which we hold."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != _LOCK:
            entry.unlink()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process at a time makes this environment; a lock goes with the process that held it."""
    with (folder / _LOCK).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _tell(f"waiting for another run that makes {folder}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _tell(text: str) -> None:
    print(f"headrace: {text}", file=sys.stderr, flush=True)
