"""How a secret is shown: a database URL without its password."""

from __future__ import annotations

import re

_IN_AUTHORITY = re.compile(r"(?P<before>//[^:/@?#]*:)(?P<secret>.*)(?P<after>@)", re.DOTALL)
_IN_QUERY = re.compile(
    r"(?P<before>(?:^|[?&\s])(?:ssl)?password\s*=\s*)(?P<secret>'(?:[^'\\]|\\.)*'?|[^&\s]*)"
)
MASKED = "***"


def mask(text: str) -> str:
    """The text with each password in it, of URL or key=value form, replaced by three stars."""
    hidden = _IN_QUERY.sub(rf"\g<before>{MASKED}", text)
    return _IN_AUTHORITY.sub(rf"\g<before>{MASKED}\g<after>", hidden)
