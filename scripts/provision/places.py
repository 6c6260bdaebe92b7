"""Where a checkout's scripts may keep what they make: in it, or elsewhere if that cannot be.

In this order: the checkout; the user's cache folder; a private folder in the temporary folder. A
folder is used only by the user to whom it belongs.
"""

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from scripts.provision.errors import ProvisionError

_DIGEST_LENGTH = 12
_PRIVATE = 0o700


def candidates(checkout: Path, name: str) -> Iterator[Path]:
    """The paths that a folder of this name may have, best first. Nothing is made."""
    yield checkout / name
    digest = hashlib.sha256(os.fsencode(checkout)).hexdigest()[:_DIGEST_LENGTH]
    yield _cache_folder() / "headrace" / digest / name
    yield _temporary_folder() / digest / name


def own_folder(checkout: Path, name: str) -> Path:
    """The first of the candidates that is, or can be made, a folder of ours; made if missing.

    Raises ProvisionError.
    """
    for folder in candidates(checkout, name):
        if _make_ours(folder):
            return folder
    raise ProvisionError(
        f"no permission to write in {checkout}, in {_cache_folder()} or in {_temporary_folder()}: "
        "make one of them writable, or set TMPDIR"
    )


def _cache_folder() -> Path:
    named = os.environ.get("XDG_CACHE_HOME", "")
    return Path(named) if os.path.isabs(named) else Path(os.path.expanduser("~")) / ".cache"


def _temporary_folder() -> Path:
    return Path(tempfile.gettempdir()) / f"headrace-{os.geteuid()}"


def _make_ours(folder: Path) -> bool:
    try:
        _make(folder)
    except OSError:
        return False  # the next candidate stands in for it
    return _is_ours(folder) and os.access(folder, os.W_OK | os.X_OK)


def _make(folder: Path) -> None:
    """As `mkdir -p`. Raises OSError, also where somebody else made our temporary folder first."""
    base = _temporary_folder()
    if folder.is_relative_to(base):
        base.mkdir(mode=_PRIVATE, exist_ok=True)
        if not _is_ours(base):
            raise PermissionError(f"{base} was made by somebody else")
    folder.mkdir(parents=True, exist_ok=True)


def _is_ours(folder: Path) -> bool:
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
