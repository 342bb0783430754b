"""What a throughput table holds, before anyone believes an answer from it: zeros, gaps, inversions, odd gangs.

Real tables are dirty, and nothing here repairs them. An *inversion* is a newer accelerator measured slower than an older
one; a *shrinking gang* is a larger gang measured slower than a smaller one of the same workload.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from gavelopt.io.rates import workload_keys
from gavelopt.model.arrays import FloatArray, IntArray
from gavelopt.model.instance import Instance
from gavelopt.model.profiles import Key, ThroughputProfiles
from gavelopt.model.throughput import ThroughputTable

# NVIDIA's data-centre accelerators in the order in which they came to market.
GENERATIONS = ("k80", "p100", "v100", "t4", "a100", "h100", "h200", "b200")


@dataclass(frozen=True)
class TableReport:
    """The findings on a table of rows (jobs, or measured keys) by accelerators.

    zeros, unknown: (row, accelerator) with rate 0 ("cannot run"), and with no rate.
    inversions: (row, newer, older) where the newer accelerator is slower, for all pairs of ``order`` (oldest first).
    shrinking: (workload, accelerator, smaller gang, larger gang) where the next larger gang is slower.
    """

    rows: int
    noun: str
    accelerators: tuple[str, ...]
    unit: str
    source: str | None
    order: tuple[str, ...]
    pairs: int
    zeros: tuple[tuple[str, str], ...]
    unknown: tuple[tuple[str, str], ...]
    inversions: tuple[tuple[str, str, str], ...]
    shrinking: tuple[tuple[str, str, int, int], ...]

    @property
    def inverted_rows(self) -> int:
        """Rows with at least one inversion."""
        return len({row for row, _, _ in self.inversions})

    def oddities(self) -> list[str]:
        """One line for each kind of oddity that was measured; nothing when the table is clean."""
        found = []
        if self.zeros:
            shown = _some(f"{row} on {name}" for row, name in self.zeros)
            found.append(f"{len(self.zeros)} rate(s) are 0 (cannot run): {shown}")
        if self.inversions:
            shown = _some(f"{row} on {newer} than on {older}" for row, newer, older in self.inversions)
            found.append(
                f"{self.inverted_rows} of {self.rows} {self.noun}(s) run slower on a newer accelerator: {shown}"
            )
        if self.shrinking:
            shown = _some(f"{name} on {on}, {large} below {small}" for name, on, small, large in self.shrinking)
            found.append(f"{len(self.shrinking)} larger gang(s) are slower than smaller ones: {shown}")
        return found

    def lines(self) -> list[str]:
        """The report for people."""
        head = f"{self.rows} {self.noun}(s) x {len(self.accelerators)} accelerator(s): {', '.join(self.accelerators)}"
        pairs = [f"{self.pairs} pair(s) measured together"] if self.pairs else []
        order = [f"oldest to newest: {', '.join(self.order)}"] if len(self.order) > 1 else []
        shown = _some(f"{row} on {name}" for row, name in self.unknown)
        gaps = [f"{len(self.unknown)} rate(s) are unknown: {shown}"] if self.unknown else []
        return [
            f"{head}, {self.unit}",
            *([self.source] if self.source else []),
            *pairs,
            *order,
            *gaps,
            *self.oddities(),
        ]

    def to_dict(self) -> dict[str, Any]:
        """The report as plain Python, ready for JSON."""
        return {
            "rows": self.rows,
            "row_is": self.noun,
            "accelerators": list(self.accelerators),
            "unit": self.unit,
            "source": self.source,
            "order": list(self.order),
            "pairs": self.pairs,
            "zeros": [list(cell) for cell in self.zeros],
            "unknown": [list(cell) for cell in self.unknown],
            "inversions": [list(cell) for cell in self.inversions],
            "inverted_rows": self.inverted_rows,
            "shrinking_gangs": [list(cell) for cell in self.shrinking],
        }


def describe_table(
    table: Instance | ThroughputTable | ThroughputProfiles, order: Iterable[str] | None = None
) -> TableReport:
    """The report on a table, or on the table of an instance.

    Args:
        table: what to look at. Rows that many jobs follow count once.
        order: accelerators from oldest to newest; by default the known data-centre generations among them.
    """
    rates, labels, keys, noun = _rows(table)
    held = table.throughputs if isinstance(table, Instance) else table
    types = list(held.accelerators)
    known_order = tuple(name for name in (GENERATIONS if order is None else order) if name in types)
    return TableReport(
        rows=len(labels),
        noun=noun,
        accelerators=tuple(types),
        unit=held.unit,
        source=held.source,
        order=known_order,
        pairs=0 if held.pairs is None else len(held.pairs),
        zeros=_cells(rates == 0, labels, types),
        unknown=_cells(np.isnan(rates), labels, types),
        inversions=_inversions(rates, labels, types, known_order),
        shrinking=_shrinking(rates, keys, types),
    )


def _rows(table: Instance | ThroughputTable | ThroughputProfiles) -> tuple[FloatArray, list[str], list[Key], str]:
    """(K, R) rates with NaN where unknown, the name of each row, its key where it has one, and what a row is."""
    if isinstance(table, ThroughputProfiles):
        return table.rates, [_name(key) for key in table.keys], list(table.keys), "measured key"
    keys = workload_keys(table) if isinstance(table, Instance) else None
    if isinstance(table, Instance):
        table = table.throughputs
    rates = np.where(table.known, table.rows, np.nan)
    if keys is not None:
        return rates[list(keys)], [_name(key) for key in keys.values()], list(keys.values()), "measured key"
    if table.kind is None:
        return rates, list(table.jobs), [], "job"
    used, first = np.unique(table.kind, return_index=True)
    return rates[used], [f"{table.jobs[int(at)]} and its like" for at in first], [], "kind of job"


def _name(key: Key) -> str:
    return key[0] if key[1] == 1 else f"{key[0]} x{key[1]}"


def _cells(where: Any, labels: Sequence[str], types: Sequence[str]) -> tuple[tuple[str, str], ...]:
    return tuple((labels[row], types[column]) for row, column in zip(*np.nonzero(where), strict=True))


def _inversions(
    rates: FloatArray, labels: Sequence[str], types: Sequence[str], order: Sequence[str]
) -> tuple[tuple[str, str, str], ...]:
    found: list[tuple[int, str, str]] = []
    for place, older in enumerate(order):
        for newer in order[place + 1 :]:
            slower = rates[:, types.index(newer)] < rates[:, types.index(older)]
            found += [(int(row), newer, older) for row in np.flatnonzero(slower)]
    return tuple((labels[row], newer, older) for row, newer, older in sorted(found, key=lambda cell: cell[0]))


def _shrinking(rates: FloatArray, keys: Sequence[Key], types: Sequence[str]) -> tuple[tuple[str, str, int, int], ...]:
    rows: dict[str, list[tuple[int, int]]] = {}
    for row, (workload, scale) in enumerate(keys):
        rows.setdefault(workload, []).append((scale, row))
    found = []
    for workload, gangs in rows.items():
        ordered = sorted(gangs)
        for (small, below), (large, above) in pairwise(ordered):
            slower: IntArray = np.flatnonzero(rates[above] < rates[below])
            found += [(workload, types[int(column)], small, large) for column in slower]
    return tuple(found)


def _some(texts: Iterable[str], limit: int = 3) -> str:
    shown = list(texts)
    return "; ".join(shown[:limit]) + (f"; ... ({len(shown)} in all)" if len(shown) > limit else "")
