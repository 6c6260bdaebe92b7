"""From an AppSource to the app. Runs the user's code: what it raises is the user's to read."""

from __future__ import annotations

import importlib
import pickle
import traceback
from operator import attrgetter
from typing import Any

from runtime.child.handler import HandlerSource
from runtime.schedule import ScheduleInfo

DEFAULT_ATTRIBUTE = "app"


class AppLoadError(Exception):
    """The app cannot be had. The message is for the user, with the traceback of its import."""


def load_app(import_path: str | None, pickled: bytes | None) -> HandlerSource:
    """The app behind an import path or in a pickle, prepared: nothing is left for its first job.

    Raises: AppLoadError, whatever went wrong.
    """
    name = import_path if import_path is not None else "the pickled app"
    try:
        app = _unpickle(pickled) if import_path is None else _import(import_path)
        if not hasattr(app, "handlers"):
            raise AppLoadError(f"{name} is no app, but a {type(app).__name__}: {app!r:.200}")
        if hasattr(app, "prepare"):
            app.prepare()
    except AppLoadError:
        raise
    except BaseException as error:  # an import may raise anything, SystemExit too
        raise AppLoadError(f"cannot import {name}:\n{_trace(error)}") from error
    source: HandlerSource = app
    return source


def schedules_of(app: HandlerSource) -> list[ScheduleInfo]:
    """What the app defines; an app that is none of ours may define none.

    Raises: AppLoadError, for a schedule whose handler does not take its args.
    """
    define = getattr(app, "schedules", None)
    try:
        return [] if define is None else list(define())
    except Exception as error:
        raise AppLoadError(f"the app's schedules cannot be:\n{_trace(error)}") from error


def _import(path: str) -> Any:
    module_name, _, attribute = path.partition(":")
    if not module_name or module_name.startswith("."):
        raise AppLoadError(f"{path!r} is no import path; write it as package.module:attribute")
    module = importlib.import_module(module_name)
    try:
        return attrgetter(attribute or DEFAULT_ATTRIBUTE)(module)
    except AttributeError as error:
        where = getattr(module, "__file__", None) or "a namespace package"
        raise AppLoadError(f"cannot import {path}: {error} ({where})") from error


def _unpickle(pickled: bytes | None) -> Any:
    if pickled is None:
        raise AppLoadError("neither an import path nor a pickled app was given")
    return pickle.loads(pickled)


def _trace(error: BaseException) -> str:
    """The traceback from the first frame that is not ours or the import system's."""
    trace = traceback.TracebackException.from_exception(error)
    frames = [f for f in trace.stack if f.filename != __file__ and "importlib" not in f.filename]
    trace.stack[:] = frames
    return "".join(trace.format())
