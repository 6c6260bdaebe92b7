"""The stamp: what an environment was made from. Written last: one without it is unfinished."""

import hashlib
import json
import os
import sys
import tomllib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from scripts.provision.errors import ProvisionError

_NAME = "headrace.json"
_RECIPE = 1  # to be raised when environments are made differently


@dataclass(frozen=True)
class Stamp:
    """Attributes: origin, on a change of which nothing in the environment is of use; extras, the
    digest of the project's declaration at the time when each extra was installed."""

    origin: list[str]
    extras: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, environment: Path) -> Self | None:
        """The stamp of an environment; None if it has none that we understand."""
        try:
            return cls(**json.loads((environment / _NAME).read_bytes()))
        except (OSError, ValueError, TypeError):
            return None  # missing, unreadable for us, or of another recipe: not ours to use

    def write(self, environment: Path) -> None:
        """Declare the environment to be finished. Raises OSError."""
        new = environment / f"{_NAME}.new"
        new.write_text(json.dumps(asdict(self)))
        new.replace(environment / _NAME)


def remove(environment: Path) -> None:
    """Declare the environment to be unfinished. Raises OSError."""
    (environment / _NAME).unlink(missing_ok=True)


def origin(checkout: Path) -> list[str]:
    """What an environment made here and now by this Python hangs on."""
    return [str(_RECIPE), os.fspath(checkout), sys.base_prefix, sys.version]


def declaration(checkout: Path, extra: str) -> str:
    """The digest of what pyproject.toml says of an installation; not of the settings of tools.

    Raises ProvisionError, for an extra that is not declared.
    """
    project = tomllib.loads((checkout / "pyproject.toml").read_text())
    known = project["project"]["optional-dependencies"]
    if extra not in known:
        raise ProvisionError(f"there is no extra {extra!r}; there are: {', '.join(sorted(known))}")
    said: dict[str, Any] = {key: project.get(key) for key in ("build-system", "project")}
    said["hatch"] = project.get("tool", {}).get("hatch")
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
