"""HiGHS, called directly: ``simplex``, or ``ipm`` (interior point with crossover)."""

from __future__ import annotations

from typing import Any

import numpy as np

from gavelopt.engine.linear import LinearProgram
from gavelopt.engine.problem import Infeasible, OutOfTime
from gavelopt.errors import SolverError
from gavelopt.model.arrays import FloatArray


def solve_lp(program: LinearProgram, algorithm: str, seconds: float = np.inf) -> tuple[FloatArray, FloatArray]:
    """(v, dual) of the program; dual is d objective / d right-hand side of each row.

    Raises Infeasible, OutOfTime, or SolverError with HiGHS's own words.
    """
    import highspy

    solver = highspy.Highs()
    for option, value in {
        "output_flag": False,
        "threads": 1,
        "solver": algorithm,
        "time_limit": float(min(seconds, 1e9)),
        "primal_feasibility_tolerance": 1e-9,
        "dual_feasibility_tolerance": 1e-9,
        "ipm_optimality_tolerance": 1e-10,
    }.items():
        solver.setOptionValue(option, value)
    solver.passModel(_model(highspy, program))
    solver.run()
    status = solver.getModelStatus()
    kinds = highspy.HighsModelStatus
    if status in (kinds.kInfeasible, kinds.kUnboundedOrInfeasible):
        raise Infeasible("HiGHS finds the constraints contradictory")
    if status == kinds.kTimeLimit:
        raise OutOfTime("HiGHS reached the time limit")
    solution = solver.getSolution()
    if not (solution.value_valid and solution.dual_valid):
        raise SolverError(f"HiGHS ended with {solver.modelStatusToString(status)!r} and no solution")
    return np.array(solution.col_value), np.array(solution.row_dual)


def _model(highspy: Any, program: LinearProgram) -> Any:
    rows, columns = program.matrix.shape
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = columns, rows
    model.sense_ = highspy.ObjSense.kMaximize
    model.col_cost_ = program.cost
    model.col_lower_, model.col_upper_ = np.zeros(columns), program.top
    if program.blocks.get("epigraph"):
        model.col_lower_ = np.append(np.zeros(columns - 1), -np.inf)
    model.row_lower_, model.row_upper_ = program.lower, program.upper
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_ = program.matrix.indptr
    model.a_matrix_.index_ = program.matrix.indices
    model.a_matrix_.value_ = program.matrix.data
    return model
