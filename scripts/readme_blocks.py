"""The blocks of the README that are made from the code: the picture of the states, the options.

    python -m scripts.readme_blocks      rewrite them in README.md

The tests compare them, so neither can leave the other behind.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from runtime.config import OPTIONS
from runtime.lifecycle import FINAL_STATES, INITIAL_STATES, TRANSITIONS, JobState

README = Path(__file__).parents[1] / "README.md"


def states() -> str:
    """The states and transitions, as a Mermaid drawing."""
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f"    [*] --> {state.value}" for state in JobState if state in INITIAL_STATES]
    lines += [
        f"    {before.value} --> {after.value}: {word}"
        for (before, after), word in TRANSITIONS.items()
    ]
    lines += [f"    {state.value} --> [*]" for state in JobState if state in FINAL_STATES]
    return "\n".join([*lines, "```"])


def options() -> str:
    """The options, as a table."""
    rows = ["| option | default | meaning |", "|---|---|---|"]
    rows += [
        f"| `{each.name}` | {_code(each.show(each.default))} | {each.help} |" for each in OPTIONS
    ]
    return "\n".join(rows)


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


BLOCKS = {"states": states, "options": options}


def _filled(block: str, found: re.Match[str]) -> str:
    return f"{found[1]}{block}\n{found[2]}"


def rewritten(text: str) -> str:
    """`text` with each block made anew."""
    for name, make in BLOCKS.items():
        marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text, count = marked.subn(partial(_filled, make()), text)
        if count != 1:
            raise SystemExit(f"README.md has {count} blocks named {name}; there must be one")
    return text


def main() -> None:
    """Rewrite the README."""
    README.write_text(rewritten(README.read_text()))


if __name__ == "__main__":
    main()
