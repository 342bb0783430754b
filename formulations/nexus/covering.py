"""A covering program that grows column by column, kept in HiGHS between solves.

    minimise  cost.x    subject to   A x >= need  (price y >= 0),   B x <= room  (price nu >= 0),   x >= 0

Every covering row has one artificial column of high cost, so that the program is feasible from the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import gavelopt as go

ARTIFICIAL = 1e3  # cost of leaving one unit of a row uncovered


@dataclass(frozen=True, eq=False)
class Covered:
    """value; x (columns,); y (covering rows,); nu (limits,); artificial: units left uncovered."""

    value: float
    x: go.FloatArray
    y: go.FloatArray
    nu: go.FloatArray
    artificial: float


class Covering:
    """need: (m,) right-hand sides of the covering rows; room: (p,) of the limits."""

    def __init__(self, need: Sequence[float] | go.FloatArray, room: Sequence[float] | go.FloatArray = ()) -> None:
        import highspy

        self.rows, self.infinite, self.columns = len(need), highspy.kHighsInf, 0
        self.solver = highspy.Highs()
        for option, value in {"output_flag": False, "threads": 1}.items():
            self.solver.setOptionValue(option, value)
        for amount in need:
            self.solver.addRow(float(amount), self.infinite, 0, np.zeros(0, np.int32), np.zeros(0))
        for amount in room:
            self.solver.addRow(-self.infinite, float(amount), 0, np.zeros(0, np.int32), np.zeros(0))
        for row in range(self.rows):
            self.solver.addCol(ARTIFICIAL, 0.0, self.infinite, 1, np.array([row], np.int32), np.ones(1))

    def add(self, cost: float, index: Sequence[int], value: Sequence[float]) -> None:
        """A column with these entries; limits are rows m, m + 1, ..."""
        self.solver.addCol(
            float(cost), 0.0, self.infinite, len(index), np.array(index, np.int32), np.array(value, dtype=float)
        )
        self.columns += 1

    def fix(self, columns: Sequence[int]) -> None:
        """Lower bound 1 for these columns, 0 for all others."""
        count = self.rows + self.columns
        lower = np.zeros(count)
        lower[[self.rows + c for c in columns]] = 1.0
        self.solver.changeColsBounds(count, np.arange(count, dtype=np.int32), lower, np.full(count, self.infinite))

    def solve(self) -> Covered:
        """The optimum of the columns there are. Raises SolverError where HiGHS has none."""
        import highspy

        self.solver.run()
        status = self.solver.getModelStatus()
        if status != highspy.HighsModelStatus.kOptimal:
            raise go.SolverError(f"HiGHS ended with {self.solver.modelStatusToString(status)!r}")
        solution = self.solver.getSolution()
        x, dual = np.array(solution.col_value), np.array(solution.row_dual)
        return Covered(
            float(self.solver.getObjectiveValue()),
            x[self.rows :],
            np.maximum(dual[: self.rows], 0.0),
            np.maximum(-dual[self.rows :], 0.0),
            float(x[: self.rows].sum()),
        )
