"""Where a client's database is: the URL given, or the environment's."""

from __future__ import annotations

import os
from collections.abc import Mapping

from runtime.database_url import check_url
from runtime.errors import ConfigError

VARIABLES = ("HEADRACE_DATABASE_URL", "DATABASE_URL")


def database_url(given: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """The URL given, or the environment's. Raises: ConfigError, for none or an unusable one."""
    found = (given, *(environment.get(name) for name in VARIABLES))
    url = next((one for one in found if one), None)
    if url is None:
        raise ConfigError(f"no database URL: give one, or set {' or '.join(VARIABLES)}")
    check_url(url)
    return url
