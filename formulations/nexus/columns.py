"""Column generation over duty cycles.

    master    minimise  sum_p c_p x_p     sum_{p contains k} x_p >= 1   (price y_k),     sum_{p of type t} x_p <= room_t
    pricing   over all knapsack rows:  is there a set with  sum_{k in S} y_k > c_t + nu_t ?   then it joins the master

Covering (>=) is enough, since a part of a set that fits also fits; so every set is first filled up with whatever else fits.
The optimum z of the master is a lower bound on the integer optimum, and on every node of the search below it.
Items are residuals, or groups of residuals that a branch keeps together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import gavelopt as go
from formulations.nexus.covering import Covering
from formulations.nexus.patterns import Knapsacks
from formulations.nexus.pricing import best_sets

Column = tuple[int, tuple[int, ...]]  # (knapsack row, items)
PER_ROUND = 40  # columns added in one round of pricing
SHARE = 0.5  # of the best reduced cost so far that a further column of a round must reach


@dataclass(frozen=True, eq=False)
class Relaxation:
    """The master at its optimum: z in price units, x per column, y per item, nu per type; whether pricing was complete."""

    value: float
    x: go.FloatArray
    y: go.FloatArray
    nu: go.FloatArray
    complete: bool
    artificial: float


class Master:
    """The covering program over duty cycles; prices are scaled so that the dearest GPU is 1."""

    def __init__(
        self, table: Knapsacks, items: int, room: go.IntArray, apart: np.ndarray[Any, Any] | None = None
    ) -> None:
        self.table, self.items, self.room, self.apart = table, items, room, apart
        self.unit = max(float(table.price.max(initial=0)), 1e-9)
        self.cost = table.price / self.unit
        self.limited = np.flatnonzero(room < items)  # a type with a GPU for every item never runs out
        self.columns: list[Column] = []
        self.known: set[tuple[int, tuple[int, ...]]] = set()
        self.program = Covering(np.ones(items), [float(max(room[t], 0)) for t in self.limited])

    def add(self, columns: Iterable[Column]) -> int:
        """Adds the columns that are new, each filled up with what else fits; returns how many were."""
        new = 0
        for row, items in columns:
            full = self._filled(row, items)
            kind = int(self.table.kind[row])
            if (kind, full) in self.known:
                continue
            self.known.add((kind, full))
            self.columns.append((row, full))
            index = [*full, *(self.items + i for i, t in enumerate(self.limited) if t == kind)]
            self.program.add(float(self.cost[row]), index, [1.0] * len(index))
            new += 1
        return new

    def _filled(self, row: int, items: tuple[int, ...]) -> tuple[int, ...]:
        weight, memory = self.table.weight[row], self.table.memory[row]
        taken = list(items)
        time, held = int(weight[taken].sum()), int(memory[taken].sum())
        for k in np.argsort(-weight, kind="stable"):
            if k in taken or weight[k] <= 0 or time + weight[k] > self.table.duty[row]:
                continue
            if held + memory[k] > self.table.limit[row] or (self.apart is not None and self.apart[k, taken].any()):
                continue
            taken.append(int(k))
            time, held = time + int(weight[k]), held + int(memory[k])
        return tuple(sorted(taken))

    def relax(self, deadline: Callable[[], float]) -> Relaxation:
        """Solves master and pricing in turn until no set improves. ``deadline()`` is the seconds left."""
        while True:
            found = self.program.solve()
            nu = np.zeros(len(self.room))
            nu[self.limited] = found.nu
            complete, more = False, 0
            if deadline() > 0:
                sets, complete = best_sets(self.table, found.y, self.cost + nu[self.table.kind], SHARE, self.apart)
                more = self.add((row, items) for _, row, items in sets[:PER_ROUND])
            if not more:
                return Relaxation(found.value, found.x, found.y, nu, complete, found.artificial)

    def fix(self, columns: Sequence[int]) -> None:
        """These columns are taken, all others free again (for diving)."""
        self.program.fix(columns)


def cover(master: Master, columns: Iterable[int], seconds: float) -> tuple[list[int] | None, bool]:
    """The cheapest of the given columns that cover every item, by HiGHS; and whether it proved that it is."""
    from scipy import optimize, sparse

    chosen = list(columns)
    if not chosen:
        return ([], True) if not master.items else (None, True)
    rows = [k for c in chosen for k in master.columns[c][1]]
    places = [at for at, c in enumerate(chosen) for _ in master.columns[c][1]]
    covering = sparse.csr_array((np.ones(len(rows)), (rows, places)), shape=(master.items, len(chosen)))
    limits = [optimize.LinearConstraint(covering, 1.0, np.inf)]
    picked = [master.columns[c][0] for c in chosen]
    if len(master.limited):
        use = sparse.csr_array(np.array([master.table.kind[picked] == t for t in master.limited], dtype=float))
        limits.append(optimize.LinearConstraint(use, -np.inf, master.room[master.limited]))
    solved = optimize.milp(
        master.cost[picked],
        constraints=limits,
        integrality=np.ones(len(chosen)),
        bounds=optimize.Bounds(0, 1),
        options={"time_limit": max(min(seconds, 1e6), 0.01)},
    )
    found = None if solved.x is None else [chosen[at] for at in np.flatnonzero(solved.x > 0.5)]
    return found, solved.status in (0, 2)
