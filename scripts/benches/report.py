"""What a bench found: a table for people, or one JSON object."""

from __future__ import annotations

import json
from collections.abc import Mapping

from rich import box
from rich.console import Console
from rich.table import Table

from scripts.benches.figures import Goal, Result


def as_json(bench: str, result: Result, machine: Mapping[str, object]) -> str:
    """One line: bench, figures, goals, machine."""
    figures = {name: round(value, 4) for name, value in result.figures.items()}
    goals = result.goals_json()
    return json.dumps({"bench": bench, "figures": figures, "goals": goals, "machine": machine})


def show(console: Console, bench: str, result: Result, machine: Mapping[str, object]) -> None:
    """A table of the figures, with the goals beside them."""
    table = Table("figure", "value", "goal", "", title=bench, box=box.SIMPLE, title_justify="left")
    table.columns[1].justify = "right"
    for name, value in result.figures.items():
        goals = [goal for goal in result.goals if goal.figure == name]
        wished = ", ".join(f"{goal.op} {_number(goal.value)}" for goal in goals)
        table.add_row(name, _number(value), wished, _verdict(goals, result))
    console.print(table)
    facts = ", ".join(f"{name} {value}" for name, value in machine.items())
    console.print(facts, markup=False, highlight=False, soft_wrap=True)


def _verdict(goals: list[Goal], result: Result) -> str:
    met = [goal.met(result.figures) for goal in goals]
    return "" if not met else "met" if all(met) else "not met"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
