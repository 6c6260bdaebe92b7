"""Names that somebody might hope are taken for something else than names."""

from __future__ import annotations

from hypothesis import strategies as st

MOST = 127  # characters of a kind or a queue

NASTY = (
    "'; DROP TABLE job; --",
    '"; DROP TABLE job; --',
    '"headrace"."job"',
    "$1",
    "$$x$$",
    "%s %(name)s %%",
    "{} {0} {name.__class__}",
    ":name ?",
    "\\'; \\\\ \\",
    "back\\slash",
    "E'\\x00'",
    "\\u0000",
    "new\nline",
    "\r\n12:00:00.000 error   forged",
    "\t",
    "\x1b[2J\x1b]0;title\x07",
    "\x9b31m",
    "\u202eright to left",
    "\u2066\u200f\u2028",
    "null",
    "*",
    "a,b",
    "a:1",
    "cancel:x",
    '{"a": 1}',
    '"}\nheadrace_forged{x="',
    "-- --help",
    "../../etc/passwd",
    "\U0001f600" * MOST,
    "e\u0301",  # two code points: nothing is normalised
    "\ufeff",
    "x" * MOST,
    # these cannot be kept
    "",
    "nul\0nul",
    "\0",
    "\ud800",
    "lone \udcff surrogate",
    "x" * (MOST + 1),
    "x" * 10_000,
)

NAMES = st.sampled_from(NASTY) | st.text(st.characters(), max_size=MOST + 3)


def can_be_kept(name: str) -> bool:
    """Whether PostgreSQL can keep it as a name: else it must be refused."""
    surrogate = any("\ud800" <= letter <= "\udfff" for letter in name)
    return 0 < len(name) <= MOST and "\0" not in name and not surrogate
