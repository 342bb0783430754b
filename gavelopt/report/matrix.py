"""The allocation matrix as a table that fits the terminal: at most ROWS jobs, and as many types as the width allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from gavelopt.model.allocation import Allocation
from gavelopt.model.solution import Solution
from gavelopt.report import words
from gavelopt.report.layout import GUTTER, sheet

ROWS = 12
NAME_WIDTH = 32


@dataclass(frozen=True)
class Column:
    """One column: its head, a cell for each job shown, and what stands below them."""

    head: str
    cells: Sequence[str]
    foot: str = ""
    numeric: bool = True

    @property
    def width(self) -> int:
        """Characters it takes with the gutter; names are cut at NAME_WIDTH."""
        widest = max(map(cell_len, [self.head, *self.foot.split("\n"), *self.cells]))
        return GUTTER + min(widest, NAME_WIDTH)


@dataclass(frozen=True)
class MatrixTable:
    """Jobs x accelerator types, the throughput of each job, and below it what is in use of every type."""

    solution: Solution

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        allocation = self.solution.allocation
        if allocation is None:
            return
        rows = range(min(allocation.shape[0], ROWS))
        noun = allocation.jobs.noun
        name = Column(noun, [words.printable(allocation.jobs[row]) for row in rows], "in use", numeric=False)
        gangs, results = list(_gangs(self.solution, rows)), list(_results(self.solution, allocation, rows))
        room = options.max_width - sum(column.width for column in (name, *gangs, *results))
        types = _types(allocation, rows, words.share if self.solution.instance.kind == "training" else words.tally)
        shown = _fitting(types, allocation, room)
        room -= sum(column.width for column in shown)
        workload = [c for c in _workload(self.solution, rows) if c.width <= room and len(shown) == len(types)]
        table = sheet(footer=True)
        columns = (name, *workload, *gangs, *shown, *results)
        for column in columns:
            table.add_column(
                Text(column.head),
                footer=Text(column.foot, style="dim"),
                justify="right" if column.numeric else "left",
                max_width=column.width - GUTTER,
                no_wrap=True,
                overflow="ellipsis",
            )
        for row in rows:
            table.add_row(*(Text(column.cells[row]) for column in columns))
        yield table
        yield from _left_out(
            (allocation.shape[0] - len(rows), noun),
            (len(types) - len(shown), words.of_axis(allocation.accelerators.noun)),
        )


def _gangs(solution: Solution, rows: range) -> Iterator[Column]:
    if solution.instance.kind == "training" and (solution.instance.jobs.scale_factor != 1).any():
        yield Column("scale", [str(int(solution.instance.jobs.scale_factor[row])) for row in rows])


def _workload(solution: Solution, rows: range) -> Iterator[Column]:
    names = solution.instance.jobs.workload if solution.instance.kind == "training" else None
    if names is not None:
        yield Column("workload", [words.printable(names[row] or "") for row in rows], numeric=False)


def _types(allocation: Allocation, rows: range, written: Callable[[float], str]) -> list[Column]:
    """One column a type: what each job has of it, and how many of it are in use."""
    usage = [words.tally(value).replace("·", "0") for value in allocation.usage]
    counts = ["any" if np.isinf(value) else f"of {words.number(value)}" for value in allocation.space.capacity]
    return [
        Column(words.printable(name), [written(allocation.matrix[row, at]) for row in rows], f"{used}\n{count}")
        for at, (name, used, count) in enumerate(zip(allocation.accelerators, usage, counts, strict=True))
    ]


def _results(solution: Solution, allocation: Allocation, rows: range) -> Iterator[Column]:
    if solution.levels is not None:
        yield Column("level", [words.number(solution.levels[row]) for row in rows])
    unit = solution.instance.throughputs.unit if solution.instance.kind == "training" else "rate"
    yield Column(unit, [words.number(allocation.rates[row]) for row in rows])


def _fitting(types: list[Column], allocation: Allocation, room: int) -> list[Column]:
    """The types that fit into ``room`` characters, in the cluster's order; the busiest come first, one at least."""
    busiest = np.argsort(-allocation.usage, kind="stable")
    widths = np.array([types[at].width for at in busiest], dtype=int)
    fitting = busiest[np.cumsum(widths) <= room]
    return [types[at] for at in sorted(fitting if len(fitting) else busiest[:1])]


def _left_out(*axes: tuple[int, str]) -> Iterator[Text]:
    """What is not shown: how many of which axis."""
    missing = [words.count(number, noun) for number, noun in axes if number > 0]
    if missing:
        yield Text(f"{' and '.join(missing)} more: to_frame() or a saved CSV has them all", style="dim")
