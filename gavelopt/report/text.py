"""Solutions and comparisons as text, for terminals, print() and notebooks.

A view is a rich renderable; the command line prints it in colour, ``solution_text`` as plain characters,
``solution_html`` as HTML. There is one layout for all three.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from gavelopt.model.solution import Solution
from gavelopt.report import words
from gavelopt.report.layout import USUAL, facts, notes, plain, recorder, sheet
from gavelopt.report.matrix import MatrixTable
from gavelopt.report.prices import prices_view

if TYPE_CHECKING:
    from gavelopt.engine.compare import Comparison

STYLES = {"optimal": "green", "bounded": "yellow", "feasible": "yellow"}
HTML = '<pre style="line-height:normal">{code}</pre>'


def solution_text(solution: Solution) -> str:
    """The solution as plain text, as wide as the terminal (100 characters where there is none)."""
    return plain(solution_view(solution))


def solution_html(solution: Solution) -> str:
    """The same text as HTML, for notebooks."""
    console = recorder(USUAL)
    console.print(solution_view(solution))
    return console.export_html(inline_styles=True, code_format=HTML)


def comparison_text(comparison: Comparison) -> str:
    """The comparison as plain text: one row a method."""
    return plain(comparison_view(comparison))


def solution_view(solution: Solution, one_sided: bool | None = None) -> RenderableType:
    """Headline, facts, allocation, prices and warnings; ``one_sided`` as in ``prices_view``."""
    parts: list[RenderableType] = [_headline(solution), _facts(solution)]
    if _has_words(solution.plan):
        parts += ["", Text(str(solution.plan))]
    if solution.allocation is not None and min(solution.allocation.shape):
        parts += ["", MatrixTable(solution)]
    prices = prices_view(solution, one_sided)
    if prices is not None:
        parts += ["", prices]
    if solution.warnings:
        parts += ["", notes(solution.warnings)]
    return Group(*parts)


def comparison_view(comparison: Comparison) -> RenderableType:
    """One row a method, held against the best bound that any of them proved; a method that failed gives its reason."""
    solutions, rows = comparison.solutions, comparison.rows()
    table = sheet()
    for head in ("method", "guarantee", "status"):
        table.add_column(head, no_wrap=True)
    for head in ("value", "gap", "time"):
        table.add_column(head, justify="right", no_wrap=True)
    reasons = any(row["reason"] for row in rows)
    if reasons:
        table.add_column("reason", overflow="fold")
    for row in rows:
        cells = [
            Text(row["method"]),
            Text(row["guarantee"]),
            _status(row["status"]),
            Text("none" if row["value"] is None else words.number(row["value"])),
            Text("" if row["value"] is None else words.gap(row["gap"])),
            Text(words.seconds(row["seconds"])),
        ]
        table.add_row(*cells, *([Text(words.prose(row["reason"]))] if reasons else []))
    warnings = dict.fromkeys(warning for solution in solutions for warning in solution.warnings)
    return Group(_limit(comparison), "", table, *(["", notes(warnings)] if warnings else []))


def _has_words(plan: Any) -> bool:
    """Whether a plan says of itself how it reads (arrays and plain records do not)."""
    kind: Any = type(plan)
    return plan is not None and not isinstance(plan, np.ndarray) and kind.__str__ is not object.__str__


def _limit(comparison: Comparison) -> Text:
    """The policy, and what no answer can do better than."""
    unit = next((solution.unit for solution in comparison if solution.unit), "")
    title = Text(comparison.policy.describe(), style="bold")
    if comparison.bound is not None:
        better = "more" if comparison.policy.sense == "max" else "less"
        best = words.quantity(comparison.bound, unit)
        title.append(f"  no answer has {better} than {best} (proved)", style="not bold")
    return title


def _headline(solution: Solution) -> Text:
    instance, allocation = solution.instance, solution.allocation
    line = Text(solution.policy.describe(), style="bold")
    if allocation is not None:
        jobs, types = allocation.shape
        size = f"{words.count(jobs, allocation.jobs.noun)}, {words.count(types, words.of_axis(allocation.accelerators.noun))}"
        line.append(f"  {size}", style="not bold dim")
    elif instance.name:
        line.append(f"  {words.printable(instance.name)}", style="not bold dim")
    return line


def _facts(solution: Solution) -> RenderableType:
    grid = facts()
    grid.add_row("status", _status(solution.status))
    if solution.value is not None:
        grid.add_row("value", Text(words.quantity(solution.value, solution.unit), style="bold"))
        grid.add_row("bound", Text(_bound(solution)))
    if solution.message:
        grid.add_row("reason", Text(words.prose(solution.message)))
    for attempt in solution.attempts:
        why = f": {attempt.detail}" if attempt.detail and attempt.detail != solution.message else ""
        name = "method" if attempt.method == solution.method else "also tried"
        grid.add_row(name, Text(words.prose(f"{attempt.method}{why}")))
    grid.add_row("time", words.seconds(solution.seconds))
    return grid


def _status(status: str) -> Text:
    return Text(status, style=STYLES.get(status, "red"))


def _bound(solution: Solution) -> str:
    if solution.bound is None:
        return "none known"
    whose = "proved" if solution.bound_kind == "proved" else "claimed by the solver, not proved"
    return f"{words.quantity(solution.bound, solution.unit)}, {whose}; gap {words.gap(solution.gap)}"
