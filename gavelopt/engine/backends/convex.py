"""cvxpy: the normal form as a disciplined convex program, and the literal symbolic reading of any declaration.

The normal form is written over dimensionless rates  q_i = r_i / about_i  near 1:

    p = 1, -inf   the linear programs of engine/linear.py
    p = 0         maximise  sum a log q
    0 < p < 1     maximise  sum a q^p,   p < 0  minimise  sum a q^p,     a_i proportional to w_i (slope_i about_i)^p
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy import sparse

from gavelopt.engine.linear import LinearProgram
from gavelopt.engine.problem import Infeasible, OutOfTime
from gavelopt.errors import SolverError
from gavelopt.model.arrays import BoolArray, FloatArray
from gavelopt.model.space import AllocationSpace
from gavelopt.model.utility import Utility, settled
from gavelopt.model.view import View

SOLVERS = ("clarabel", "glop", "pdlp", "scs", "highs")
OPTIONS: dict[str, dict[str, Any]] = {
    "clarabel": {"tol_gap_abs": 1e-10, "tol_gap_rel": 1e-10, "tol_feas": 1e-10},
    "scs": {"eps_abs": 1e-9, "eps_rel": 1e-9, "max_iters": 200_000},
    "pdlp": {},
    "glop": {},
    "highs": {},
}
TIME_OPTION = {"clarabel": "time_limit", "scs": "time_limit_secs", "pdlp": "time_limit_sec", "glop": "time_limit_sec"}
NEAR_LOGARITHM = 1e-2  # powers with p nearer to 0 differ by less than a solver can see: it is given logarithms
EXPONENTS = 10**6  # denominator to which the weights of a geometric mean are rounded: cvxpy builds it from square roots


def run(problem: Any, solver: str, seconds: float) -> None:
    """Solve a cvxpy problem with the named solver; raise what its status means. The status proves nothing."""
    options = dict(OPTIONS[solver])
    if np.isfinite(seconds) and solver in TIME_OPTION:
        options[TIME_OPTION[solver]] = max(seconds, 1e-3)
    try:
        # cvxpy reads its expressions at the answer, whose accuracy is for the judge to say
        with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            warnings.filterwarnings("ignore", "Solution may be inaccurate")
            warnings.filterwarnings("ignore", "geo_mean is being approximated")
            problem.solve(solver=solver.upper(), **options)
    except Exception as error:  # cvxpy wraps every backend's failures in types of its own and of the backend
        raise SolverError(f"cvxpy with {solver} failed: {type(error).__name__}: {error}") from error
    if problem.status in ("infeasible", "infeasible_inaccurate"):
        raise Infeasible(f"{solver} finds the constraints contradictory")
    if problem.status == "user_limit":
        raise OutOfTime(f"{solver} reached its limit")


def solve_lp(program: LinearProgram, solver: str, seconds: float) -> tuple[FloatArray, FloatArray]:
    """As backends.highs.solve_lp, through cvxpy."""
    import cvxpy as cp

    v = cp.Variable(program.matrix.shape[1])
    bounded = np.isfinite(program.top)
    free = np.zeros(len(program.top), dtype=bool)
    free[-1:] = "epigraph" in program.blocks
    below, above = np.flatnonzero(np.isfinite(program.upper)), np.flatnonzero(np.isfinite(program.lower))
    rows = sparse.csr_array(program.matrix)
    limits = [rows[below] @ v <= program.upper[below], rows[above] @ v >= program.lower[above], v[~free] >= 0]
    if bounded.any():
        limits.append(v[bounded] <= program.top[bounded])
    problem = cp.Problem(cp.Maximize(program.cost @ v), limits)
    run(problem, solver, seconds)
    if v.value is None:
        raise SolverError(f"cvxpy with {solver} ended with {problem.status!r} and no solution")
    dual = np.zeros(rows.shape[0])
    dual[below] += _dual(limits[0], len(below))
    dual[above] -= _dual(limits[1], len(above))
    return np.asarray(v.value), dual


def solve_power(
    space: AllocationSpace, utility: Utility, solver: str, seconds: float, about: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """(x, capacity duals, time duals, worth, rates) of a power mean with p < 1; ``about`` (J,) > 0 are the units of rates.

    The duals belong to the separable form whose marginal worth of job i at rate r is ``worth_i r^(p-1)``. The rates are those
    at which the marginal worth is its dual: close to R x, but as exact as duals are, where the objective is flat in x.
    """
    import cvxpy as cp

    rate, member, use = space.matrices
    on = utility.active
    columns = np.flatnonzero(space.usable & (np.asarray((rate[on] > 0).sum(axis=0)).ravel() > 0))
    budget = np.where(
        space.time > 0, space.time, 1.0
    )  # classes of many jobs have much time: a unit for each job and type
    count = np.where(space.capacity > 0, space.capacity, 1.0)
    unit = np.asarray(member[:, columns].T @ budget) / np.asarray(member[:, columns].sum(axis=0)).ravel()
    x = cp.Variable(len(columns), nonneg=True)
    q = cp.Variable(int(on.sum()))
    scaled = sparse.diags_array(unit)
    rates = q == sparse.csr_array(sparse.diags_array(1.0 / about) @ rate)[on][:, columns] @ scaled @ x
    capacity = sparse.diags_array(1.0 / count) @ use[:, columns] @ scaled @ x <= space.capacity / count
    time = sparse.diags_array(1.0 / budget) @ member[:, columns] @ scaled @ x <= space.time / budget
    factor = _factors(utility, about)[on]
    p = 0.0 if abs(utility.p) < NEAR_LOGARITHM else utility.p  # weights at ``about`` make up for the difference
    problem = cp.Problem(_objective(cp, p, factor, q), [rates, capacity, time])
    run(problem, solver, seconds)
    if x.value is None:
        raise SolverError(f"cvxpy with {solver} ended with {problem.status!r} and no solution")
    full, worth, at = np.zeros(space.size), np.zeros(len(space.jobs)), np.zeros(len(space.jobs))
    full[columns] = np.maximum(x.value, 0.0) * unit
    slope = factor * (abs(p) or 1.0)
    worth[on] = slope * np.exp(-utility.p * np.log(about[on]))
    marginal = np.maximum(np.abs(_dual(rates, len(slope))), np.finfo(float).tiny)
    at[on] = about[on] * (marginal / slope) ** (1.0 / (p - 1.0))
    hours = np.maximum(_dual(time, len(space.jobs)), 0.0) / budget
    return full, np.maximum(_dual(capacity, len(space.capacity)), 0.0) / count, hours, worth, at


def _factors(utility: Utility, about: FloatArray) -> FloatArray:
    """(J,) a_i = w_i u_i(about)^p, scaled to sum 1."""
    on = utility.active
    factor = np.zeros(len(about))
    logs = np.log(utility.weight[on]) + utility.p * np.log((utility.slope * about)[on])
    factor[on] = np.exp(logs - logs.max())
    return np.asarray(factor / factor.sum())


def _objective(cp: Any, p: float, factor: FloatArray, q: Any) -> Any:
    if p == 0.0:
        return cp.Maximize(factor @ cp.log(q))
    powers = cp.power(q, p, approx=False)
    return cp.Maximize(factor @ powers) if p > 0 else cp.Minimize(factor @ powers)


class SymbolicView(View):
    """The symbolic reading: the words become cvxpy atoms over ``rate = R x``, exactly as the declaration is written."""

    def __init__(self, instance: Any, space: AllocationSpace) -> None:
        import cvxpy as cp

        super().__init__(instance, space)
        self.cp = cp
        rate, member, use = space.matrices
        self.x = cp.Variable(space.size, nonneg=True)
        self._rate, self._usage = rate @ self.x, use @ self.x
        self.limits = [member @ self.x <= space.time, use @ self.x <= space.capacity]
        blocked = np.flatnonzero(~space.usable)
        if blocked.size:
            self.limits.append(self.x[blocked] == 0)

    @property
    def rate(self) -> Any:
        return SymbolicRate(self.cp, self._rate)

    @property
    def usage(self) -> Any:
        return SymbolicRate(self.cp, self._usage)

    def total(self, values: Any) -> Any:
        return self.cp.sum(_expression(values))

    def smallest(self, values: Any, over: BoolArray | None = None) -> Any:
        inner = _expression(values)
        return self.cp.min(inner if over is None else inner[np.flatnonzero(over)])

    def largest(self, values: Any) -> Any:
        return self.cp.max(_expression(values))

    def log_total(self, values: Any, weights: FloatArray | None = None) -> Any:
        logs = self.cp.log(_expression(values))
        return self.cp.sum(logs) if weights is None else weights @ logs

    def power_mean(self, values: Any, p: float, weights: FloatArray | None = None) -> Any:
        inner = _expression(values)
        share = np.ones(inner.shape[0]) if weights is None else weights
        if p == -np.inf:
            return self.cp.min(inner)
        if settled(p) == 0:
            return self.cp.geo_mean(inner, list(share), max_denom=EXPONENTS)
        if p == 1:  # not by pnorm, which calls it convex
            return (share / share.sum()) @ inner
        return self.cp.pnorm(self.cp.multiply((share / share.sum()) ** (1.0 / p), inner), p)


class SymbolicRate:
    """A cvxpy vector with elementwise arithmetic (cvxpy's own ``*`` and ``/`` follow other rules)."""

    __array_ufunc__ = None

    def __init__(self, cp: Any, expression: Any) -> None:
        self.cp, self.expression = cp, expression

    def _new(self, expression: Any) -> SymbolicRate:
        return SymbolicRate(self.cp, expression)

    def __mul__(self, factor: Any) -> SymbolicRate:
        return self._new(self.cp.multiply(factor, self.expression))

    __rmul__ = __mul__

    def __truediv__(self, divisor: Any) -> SymbolicRate:
        return self._new(self.cp.multiply(1.0 / np.asarray(divisor), self.expression))

    def __rtruediv__(self, numerator: Any) -> SymbolicRate:
        return self._new(self.cp.multiply(numerator, self.cp.inv_pos(self.expression)))

    def __add__(self, other: Any) -> SymbolicRate:
        return self._new(self.expression + _expression(other))

    __radd__ = __add__

    def __sub__(self, other: Any) -> SymbolicRate:
        return self._new(self.expression - _expression(other))

    def __neg__(self) -> SymbolicRate:
        return self._new(-self.expression)


def _expression(value: Any) -> Any:
    return value.expression if isinstance(value, SymbolicRate) else value


def _dual(constraint: Any, length: int) -> FloatArray:
    value = constraint.dual_value
    return np.zeros(length) if value is None else np.asarray(value, dtype=np.float64).reshape(length)
