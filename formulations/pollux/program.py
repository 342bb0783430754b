"""An integer program in triplets, and HiGHS for it: every column knows what it means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse

import gavelopt as go

TOLERANCE = 1e-7  # of HiGHS, absolute
SIZE = 1e4  # of the largest cost


@dataclass(eq=False)
class Program:
    """Maximise cost.x subject to lower <= A x <= rows, 0 <= x <= top, x whole.

    meaning: a tuple for each column; spans, offers: {(type, f): row} of ``spreading.py``.
    """

    rows: list[float]
    lower: list[float]
    cost: list[float] = field(default_factory=list)
    top: list[float] = field(default_factory=list)
    meaning: list[tuple[Any, ...]] = field(default_factory=list)
    entries: list[tuple[int, int, float]] = field(default_factory=list)
    spans: dict[tuple[int, int], int] = field(default_factory=dict)
    offers: dict[tuple[int, int], int] = field(default_factory=dict)

    def column(self, cost: float, top: float, meaning: tuple[Any, ...], entries: Sequence[tuple[int, float]]) -> None:
        """Add a column."""
        at = len(self.cost)
        self.cost.append(cost)
        self.top.append(top)
        self.meaning.append(meaning)
        self.entries += [(row, at, value) for row, value in entries]

    def row(self, limit: float, lower: float = -np.inf) -> int:
        """Add a row ``lower <= . <= limit``."""
        self.rows.append(limit)
        self.lower.append(lower)
        return len(self.rows) - 1


def run(program: Program, seconds: float, gap: float = 0.0) -> tuple[tuple[float, go.FloatArray] | None, float]:
    """((value, columns) or None, upper bound on the value) from HiGHS.

    HiGHS takes costs that differ by less than an absolute 1e-7 for equal, so small costs are scaled up, and the bound is
    raised by what that tolerance can hide.
    """
    import highspy

    if seconds <= 0:
        return None, np.inf
    scale = max(1.0, SIZE / max(float(np.abs(program.cost).max(initial=0.0)), 1e-9))
    hidden = TOLERANCE * len(program.rows) / scale
    solver = highspy.Highs()
    options = {
        "output_flag": False,
        "threads": 1,
        "mip_rel_gap": gap,
        "mip_abs_gap": 1e-9 * scale,
        "time_limit": min(seconds, 1e9),
    }
    for option, value in options.items():
        solver.setOptionValue(option, value)
    solver.passModel(_model(highspy, program, scale))
    solver.run()
    info, status = solver.getInfo(), solver.getModelStatus()
    if status == highspy.HighsModelStatus.kInfeasible:
        return None, -np.inf
    solution = solver.getSolution()
    if info.primal_solution_status != 2:  # no feasible point
        return None, float(info.mip_dual_bound) / scale + hidden
    value = float(info.objective_function_value) / scale
    return (value, np.array(solution.col_value)), max(value, float(info.mip_dual_bound) / scale) + hidden


def _model(highspy: Any, program: Program, scale: float) -> Any:
    row, column, value = (np.array(part) for part in zip(*program.entries, strict=True))
    matrix = sparse.csc_array((value, (row, column)), shape=(len(program.rows), len(program.cost)))
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = len(program.cost), len(program.rows)
    model.sense_ = highspy.ObjSense.kMaximize
    model.col_cost_, model.col_lower_, model.col_upper_ = (
        np.array(program.cost) * scale,
        np.zeros(len(program.cost)),
        np.array(program.top),
    )
    model.row_lower_, model.row_upper_ = np.array(program.lower), np.array(program.rows)
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_, model.a_matrix_.index_, model.a_matrix_.value_ = matrix.indptr, matrix.indices, matrix.data
    model.integrality_ = [highspy.HighsVarType.kInteger] * len(program.cost)
    return model
