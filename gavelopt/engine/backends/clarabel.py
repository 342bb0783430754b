"""Clarabel, called directly on linear programs: an interior point whose duals are strictly complementary."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from gavelopt.engine.linear import LinearProgram
from gavelopt.engine.problem import Infeasible, OutOfTime
from gavelopt.errors import SolverError
from gavelopt.model.arrays import FloatArray

TOLERANCE = 1e-10


def solve_lp(program: LinearProgram, seconds: float = np.inf) -> tuple[FloatArray, FloatArray]:
    """(v, dual) of the program; dual is d objective / d right-hand side of each row.

    Raises Infeasible, OutOfTime, or SolverError with Clarabel's own words.
    """
    import clarabel

    rows, size = sparse.csr_array(program.matrix), program.matrix.shape[1]
    below, above = np.flatnonzero(np.isfinite(program.upper)), np.flatnonzero(np.isfinite(program.lower))
    signed = np.ones(size, dtype=bool)
    signed[-1:] = "epigraph" not in program.blocks
    capped = np.flatnonzero(np.isfinite(program.top))
    unit = sparse.eye_array(size, format="csr")
    matrix = sparse.vstack([rows[below], -rows[above], -unit[np.flatnonzero(signed)], unit[capped]], format="csc")
    side = np.concatenate([program.upper[below], -program.lower[above], np.zeros(signed.sum()), program.top[capped]])
    settings = clarabel.DefaultSettings()
    settings.verbose, settings.max_threads = False, 1
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = TOLERANCE
    settings.time_limit = float(min(seconds, 1e9))
    nothing = sparse.csc_matrix((size, size))
    cones = [clarabel.NonnegativeConeT(len(side))]
    solution = clarabel.DefaultSolver(nothing, -program.cost, sparse.csc_matrix(matrix), side, cones, settings).solve()
    status = str(solution.status)
    if "PrimalInfeasible" in status:
        raise Infeasible("Clarabel finds the constraints contradictory")
    if status == "MaxTime":
        raise OutOfTime("Clarabel reached the time limit")
    if not np.isfinite(solution.x).all():
        raise SolverError(f"Clarabel ended with {status!r} and no solution")
    dual, z = np.zeros(rows.shape[0]), np.asarray(solution.z)
    dual[below] += z[: len(below)]
    dual[above] -= z[len(below) : len(below) + len(above)]
    return np.asarray(solution.x), dual
