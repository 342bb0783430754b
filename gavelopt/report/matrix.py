"""The allocation matrix as a table that fits the terminal: at most ROWS jobs, and as many types as the width allows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from gavelopt.model.arrays import IntArray
from gavelopt.model.solution import Solution
from gavelopt.report import words
from gavelopt.report.layout import GUTTER, sheet

ROWS = 12
NAME_WIDTH = 32


@dataclass(frozen=True)
class MatrixTable:
    """Jobs x accelerator types, the throughput of each job, and below it what is in use of every type."""

    solution: Solution

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        allocation = self.solution.allocation
        if allocation is None:
            return
        jobs, types = allocation.shape
        rows = range(min(jobs, ROWS))
        names = [words.printable(allocation.jobs[row]) for row in rows]
        sides = _Sides(self.solution, rows)
        cells = [[words.share(value) for value in allocation.matrix[row]] for row in rows]
        heads = [words.printable(name) for name in allocation.accelerators]
        usage = [words.number(round(value, 4)) for value in allocation.usage]
        counts = ["any" if np.isinf(value) else f"of {words.number(value)}" for value in allocation.space.capacity]
        name_width = min(NAME_WIDTH, max([len("in use"), *map(cell_len, names)]))
        room = options.max_width - name_width - GUTTER - sides.width
        shown = _fitting(
            [[heads[c], usage[c], counts[c], *(row[c] for row in cells)] for c in range(types)], room, self
        )

        table = sheet(footer=True)
        footer = Text("in use", style="dim")
        noun = allocation.jobs.noun
        table.add_column(noun, footer=footer, max_width=name_width, no_wrap=True, overflow="ellipsis")
        for head, _ in sides.left:
            table.add_column(head, justify="right", no_wrap=True)
        for c in shown:
            foot = Text(f"{usage[c]}\n{counts[c]}", style="dim")
            table.add_column(Text(heads[c]), footer=foot, justify="right", no_wrap=True, overflow="ellipsis")
        for head, _ in sides.right:
            table.add_column(head, justify="right", no_wrap=True)
        for row in rows:
            left, right = ([column[row] for _, column in side] for side in (sides.left, sides.right))
            table.add_row(Text(names[row]), *left, *(Text(cells[row][c]) for c in shown), *right)
        yield table
        yield from _left_out(jobs - len(rows), noun, types - len(shown))


class _Sides:
    """The columns beside the matrix: scale factors to its left, levels and throughputs to its right."""

    def __init__(self, solution: Solution, rows: range) -> None:
        allocation, instance = solution.allocation, solution.instance
        assert allocation is not None
        self.left: list[tuple[str, list[str]]] = []
        self.right: list[tuple[str, list[str]]] = []
        gangs = getattr(instance.jobs, "scale_factor", None) if instance.kind == "training" else None
        if gangs is not None and (gangs != 1).any():
            self.left.append(("scale", [str(int(gangs[row])) for row in rows]))
        if solution.levels is not None:
            self.right.append(("level", [words.number(solution.levels[row]) for row in rows]))
        unit = instance.throughputs.unit if instance.kind == "training" else "rate"
        self.right.append((unit, [words.number(allocation.rates[row]) for row in rows]))
        columns = self.left + self.right
        self.width = sum(GUTTER + max(map(cell_len, [head, *column])) for head, column in columns)


def _fitting(columns: list[list[str]], room: int, table: MatrixTable) -> IntArray:
    """Positions, in the cluster's order, of the types that fit into ``room`` characters; the busiest come first."""
    allocation = table.solution.allocation
    assert allocation is not None
    widths = np.array([GUTTER + max(map(cell_len, column)) for column in columns], dtype=int)
    busiest = np.argsort(-allocation.usage, kind="stable")
    fitting = busiest[np.cumsum(widths[busiest]) <= room] if len(widths) else busiest
    return np.sort(fitting if len(fitting) else busiest[:1])


def _left_out(jobs: int, noun: str, types: int) -> Iterator[Text]:
    missing = [words.count(number, name) for number, name in ((jobs, noun), (types, "accelerator type")) if number > 0]
    if missing:
        yield Text(f"{' and '.join(missing)} more: to_frame() or a saved CSV has them all", style="dim")
