"""Column generation over duty cycles.

    master    minimise  sum_p c_p x_p     sum_{p contains k} x_p >= 1   (price y_k),     sum_{p of type t} x_p <= room_t
    pricing   over all knapsack rows:  is there a set with  sum_{k in S} y_k > c_t + nu_t ?   then it joins the master

Covering (>=) is enough, since a part of a set that fits also fits; so every set is first filled up with whatever else fits.
The optimum z of the master is a lower bound on the integer optimum, and on every node of the search below it.
Items are residuals, or groups of residuals that a branch keeps together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import gavelopt as go
from formulations.nexus.patterns import Knapsacks
from formulations.nexus.pricing import best_sets

Column = tuple[int, tuple[int, ...]]  # (knapsack row, items)
PER_ROUND = 40  # columns added in one round of pricing
ARTIFICIAL = 1e3  # price of leaving an item out, in units of the dearest GPU


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
    """The covering program, kept in HiGHS and grown column by column; prices are scaled so that the dearest GPU is 1."""

    def __init__(
        self, table: Knapsacks, items: int, room: go.IntArray, apart: np.ndarray[Any, Any] | None = None
    ) -> None:
        import highspy

        self.table, self.items, self.room, self.apart = table, items, room, apart
        self.unit = max(float(table.price.max(initial=0)), 1e-9)
        self.cost = table.price / self.unit
        self.limited = np.flatnonzero(room < items)  # a type with a GPU for every item never runs out
        self.columns: list[Column] = []
        self.known: set[tuple[int, tuple[int, ...]]] = set()
        self.solver = highspy.Highs()
        for option, value in {"output_flag": False, "threads": 1}.items():
            self.solver.setOptionValue(option, value)
        infinite = highspy.kHighsInf
        for _ in range(items):
            self.solver.addRow(1.0, infinite, 0, np.zeros(0, np.int32), np.zeros(0))
        for t in self.limited:
            self.solver.addRow(-infinite, float(max(room[t], 0)), 0, np.zeros(0, np.int32), np.zeros(0))
        for item in range(items):
            self.solver.addCol(ARTIFICIAL, 0.0, infinite, 1, np.array([item], np.int32), np.ones(1))

    def add(self, columns: Iterable[Column]) -> int:
        """Adds the columns that are new, each filled up with what else fits; returns how many were."""
        import highspy

        new = 0
        for row, items in columns:
            full = self._filled(row, items)
            kind = int(self.table.kind[row])
            if (kind, full) in self.known:
                continue
            self.known.add((kind, full))
            self.columns.append((row, full))
            index = [*full, *(self.items + i for i, t in enumerate(self.limited) if t == kind)]
            self.solver.addCol(
                float(self.cost[row]),
                0.0,
                highspy.kHighsInf,
                len(index),
                np.array(index, np.int32),
                np.ones(len(index)),
            )
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

    def relax(self, deadline: Any) -> Relaxation:
        """Solves master and pricing in turn until no set improves. ``deadline()`` is the seconds left."""
        share = 0.5
        while True:
            found = self._solve()
            if deadline() <= 0:
                return self._as_relaxation(found, complete=False)
            target = self.cost + self._nu(found)[self.table.kind]
            sets, complete = best_sets(self.table, found[1], target, share, self.apart)
            if not self.add((row, items) for _, row, items in sets[:PER_ROUND]):
                return self._as_relaxation(found, complete)

    def _solve(self) -> tuple[go.FloatArray, go.FloatArray, go.FloatArray, float]:
        self.solver.run()
        solution = self.solver.getSolution()
        dual = np.array(solution.row_dual)
        return (
            np.array(solution.col_value),
            np.maximum(dual[: self.items], 0.0),
            np.maximum(-dual[self.items :], 0.0),
            float(self.solver.getObjectiveValue()),
        )

    def _nu(self, found: tuple[Any, ...]) -> go.FloatArray:
        nu = np.zeros(int(self.table.kind.max(initial=0)) + 1)
        for price, t in zip(found[2], self.limited, strict=True):
            if t < len(nu):
                nu[t] = price
        return nu

    def _as_relaxation(self, found: tuple[Any, ...], complete: bool) -> Relaxation:
        x = found[0]
        return Relaxation(found[3], x[self.items :], found[1], self._nu(found), complete, float(x[: self.items].sum()))

    def fix(self, columns: Sequence[int]) -> None:
        """Sets the lower bound of these columns to 1, of all others back to 0 (for diving)."""
        import highspy

        count = self.items + len(self.columns)
        lower = np.zeros(count)
        lower[[self.items + c for c in columns]] = 1.0
        self.solver.changeColsBounds(count, np.arange(count, dtype=np.int32), lower, np.full(count, highspy.kHighsInf))


def cover(master: Master, columns: Iterable[int], seconds: float) -> tuple[list[int] | None, bool]:
    """The cheapest of the given columns that cover every item, by HiGHS; and whether it proved that it is."""
    from scipy import optimize, sparse

    chosen = list(columns)
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
