"""Fitting the seven throughput parameters to measured step times.

    minimise   RMSE(log T_grad, log accumulation time) + RMSE(log T_step, log step time)
               + 0.001 (gamma - 1)^2 + 0.01 ((beta_n / alpha_n)^2 + (beta_r / alpha_r)^2)
    over       alpha, beta >= 1e-8 seconds,  1 <= gamma <= 10

T_grad, T_sync and T_step are those of gavelopt/model/goodput.py (s = 0). What was never measured is taken at its best, so that
the scheduler tries it ("exploration"):

    one distinct local batch          alpha_c is half the mean accumulation time
    nothing on several nodes          alpha_n = beta_n = 1e-8 during the fit; then at least 1.1 times alpha_r, beta_r
    nothing on one node with K > 1    alpha_r = beta_r = 1e-8
    nothing with K > 2                beta_n = beta_r = 1e-8

The objective has poor local minima, so the search starts from Pollux's point (0.1, 0.01, three times over; gamma 1.001) and
from random points about a straight-line guess, in logarithms, by descent alone and by least squares before descent; gradients
are analytic. The parameters are weakly determined by the data: compare objectives and predictions, never parameters.

Reference: Pollux, section 4.1; adaptdl/goodput.py (fit_perf_params), which has the single start.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize

import gavelopt as go

LEAST = 1e-8
LOWER = np.array([LEAST] * 6 + [1.0])
UPPER = np.array([np.inf] * 6 + [10.0])
POLLUX_START = np.array([0.1, 0.01, 0.1, 0.01, 0.1, 0.01, 1.001])
MOST_REPLICAS = 64


@dataclass(frozen=True, eq=False)
class Measurements:
    """n rows: nodes N, replicas K, local batch m, seconds of a micro-step and of a whole step (s = 0); each (n,).

    Raises:
        InputError: columns of different length, no rows, a number that is not positive, more nodes than replicas.
    """

    nodes: go.FloatArray
    replicas: go.FloatArray
    local_batch: go.FloatArray
    accumulation_s: go.FloatArray
    step_s: go.FloatArray

    def __post_init__(self) -> None:
        names = ("nodes", "replicas", "local_batch", "accumulation_s", "step_s")
        for name in names:
            object.__setattr__(self, name, np.atleast_1d(np.asarray(getattr(self, name), dtype=np.float64)))
        lengths = {len(getattr(self, name)) for name in names}
        if len(lengths) != 1 or not max(lengths):
            raise go.InputError("measurements need rows of equal length", seen=sorted(lengths), rule="n >= 1 rows")
        for name in names:
            column = getattr(self, name)
            bad = ~(np.isfinite(column) & (column > 0))
            if bad.any():
                at = int(np.argmax(bad))
                raise go.InputError(f"{name} out of range", where=f"row {at + 1}", seen=float(column[at]), rule="> 0")
        if (self.nodes > self.replicas).any():
            at = int(np.argmax(self.nodes > self.replicas))
            raise go.InputError("more nodes than replicas", where=f"row {at + 1}", seen=float(self.nodes[at]))


@dataclass(frozen=True, eq=False)
class PerfFit:
    """params (7,): alpha_c, beta_c, alpha_n, beta_n, alpha_r, beta_r, gamma; objective before the unmeasured are raised;
    max_replicas: twice the largest measured, as far as the scheduler should try."""

    params: go.FloatArray
    objective: float
    max_replicas: int


def fit(rows: Measurements, starts: int = 12, seed: int = 0) -> PerfFit:
    """The best of ``starts`` random starts and Pollux's own."""
    first, free = starting_point(rows)
    found = [_descend(Space(first, free, logarithmic=False), rows)]
    random = np.random.default_rng(seed)
    guess = straight_line_guess(rows)
    for _ in range(starts):
        point = guess * np.exp(random.normal(0.0, 1.5, 7))
        point[6] = random.uniform(1.0, 5.0)
        point = np.where(free, np.clip(point, LOWER, UPPER), first)
        space = Space(point, free, logarithmic=True)
        found += [_descend(space, rows), _descend(replace(space, point=_matched(space, rows)), rows)]
    best = min(found, key=lambda item: item[1])
    return PerfFit(explored(best[0], rows), best[1], explored_replicas(rows))


def fit_single_start(rows: Measurements) -> PerfFit:
    """Pollux's own search, from its one starting point."""
    first, free = starting_point(rows)
    params, value = _descend(Space(first, free, logarithmic=False), rows)
    return PerfFit(explored(params, rows), value, explored_replicas(rows))


def explored_replicas(rows: Measurements) -> int:
    """Replicas that a job may be given next: twice the largest measured, at most 64."""
    return int(min(2 * rows.replicas.max(), MOST_REPLICAS))


def starting_point(rows: Measurements) -> tuple[go.FloatArray, go.BoolArray]:
    """(7,) Pollux's start with the unmeasured parameters at their fixed values, and (7,) which ones are free."""
    point, free = POLLUX_START.copy(), np.ones(7, dtype=bool)
    if len(np.unique(rows.local_batch)) == 1:
        point[0], free[0] = rows.accumulation_s.mean() / 2, False
    if not (rows.nodes > 1).any():
        free[[2, 3]] = False
    if not ((rows.nodes == 1) & (rows.replicas > 1)).any():
        free[[4, 5]] = False
    if not (rows.replicas > 2).any():
        free[[3, 5]] = False
    fixed = ~free
    fixed[0] = False
    point[fixed] = LEAST
    return point, free


def explored(params: go.FloatArray, rows: Measurements) -> go.FloatArray:
    """The parameters; across nodes at least 1.1 times those of one node where no node boundary was crossed yet."""
    if (rows.nodes > 1).any():
        return params
    raised = params.copy()
    raised[2:4] = np.maximum(params[2:4], 1.1 * params[4:6])
    return raised


def straight_line_guess(rows: Measurements) -> go.FloatArray:
    """(7,) parameters of the order of the data: a line through the accumulation times, what is left as synchronisation."""
    several = len(np.unique(rows.local_batch)) > 1
    slope = max(np.polyfit(rows.local_batch, rows.accumulation_s, 1)[0], 1e-7) if several else 1e-3
    constant = max(float((rows.accumulation_s - slope * rows.local_batch).min()), 1e-4)
    sync = np.maximum(rows.step_s - rows.accumulation_s, 1e-5)
    typical = [float(np.median(sync[side])) if side.any() else 1e-2 for side in (rows.nodes > 1, rows.nodes == 1)]
    return np.array([constant, slope, typical[0], 0.05 * typical[0], typical[1], 0.05 * typical[1], 1.5])


@dataclass(frozen=True, eq=False)
class Space:
    """The free parameters as a search sees them: in logarithms, except gamma, or as they are."""

    point: go.FloatArray
    free: go.BoolArray
    logarithmic: bool

    @property
    def scale(self) -> go.BoolArray:
        """(7,) parameters searched in logarithms."""
        return np.array([self.logarithmic] * 6 + [False])

    def whole(self, values: go.FloatArray) -> go.FloatArray:
        """(7,) parameters of a point of the search."""
        params = self.point.copy()
        log = self.scale[self.free]
        params[self.free] = np.where(log, np.exp(np.where(log, values, 0.0)), values)
        return params

    def inner(self, params: go.FloatArray) -> go.FloatArray:
        """The point of the search behind parameters."""
        return np.where(self.scale, np.log(params), params)[self.free]

    def chain(self, params: go.FloatArray, derivative: go.FloatArray) -> go.FloatArray:
        """Derivatives (.., 7) by parameters as derivatives by the search's coordinates."""
        return np.where(self.scale, derivative * params, derivative)[..., self.free]

    @property
    def bounds(self) -> optimize.Bounds:
        """Box of the search."""
        upper = np.where(self.scale, np.log(1e4), UPPER)
        return optimize.Bounds(np.where(self.scale, np.log(LOWER), LOWER)[self.free], upper[self.free])


def _descend(space: Space, rows: Measurements) -> tuple[go.FloatArray, float]:
    """L-BFGS-B from the point of the space."""

    def value(values: go.FloatArray) -> tuple[float, go.FloatArray]:
        params = space.whole(values)
        total, gradient = objective(params, rows)
        return total, space.chain(params, gradient)

    start = space.inner(space.point)
    found = optimize.minimize(value, start, jac=True, method="L-BFGS-B", bounds=space.bounds, options={"maxiter": 2000})
    return space.whole(found.x), float(found.fun)


def _matched(space: Space, rows: Measurements) -> go.FloatArray:
    """(7,) parameters by least squares: a root mean square has a kink at a perfect fit, where descent alone gets stuck."""

    def errors(values: go.FloatArray) -> go.FloatArray:
        return np.concatenate(predict(space.whole(values), rows).errors)

    def slopes(values: go.FloatArray) -> go.FloatArray:
        params = space.whole(values)
        return space.chain(params, np.concatenate(predict(params, rows).slopes))

    start = space.inner(space.point)
    return space.whole(optimize.least_squares(errors, start, jac=slopes, bounds=space.bounds, max_nfev=60).x)


@dataclass(frozen=True, eq=False)
class Prediction:
    """errors: log T_grad and log T_step over what was measured, each (n,); slopes: their (n, 7) derivatives."""

    errors: tuple[go.FloatArray, go.FloatArray]
    slopes: tuple[go.FloatArray, go.FloatArray]


def predict(params: go.FloatArray, rows: Measurements) -> Prediction:
    """The two relative errors of every row, and their derivatives."""
    alpha_c, beta_c, alpha_n, beta_n, alpha_r, beta_r, gamma = params
    m, more = rows.local_batch, np.maximum(rows.replicas - 2, 0.0)
    across, within = rows.nodes > 1, (rows.nodes == 1) & (rows.replicas > 1)
    grad = alpha_c + beta_c * m
    sync = np.where(across, alpha_n + beta_n * more, np.where(within, alpha_r + beta_r * more, 0.0))
    large, small = np.maximum(grad, sync), np.minimum(grad, sync)
    step = large * (1.0 + (small / large) ** gamma) ** (1.0 / gamma)
    by_grad, by_sync = (grad / step) ** (gamma - 1.0) / step, (sync / step) ** (gamma - 1.0) / step
    w_grad, w_sync = by_grad * grad, by_sync * sync
    by_gamma = (w_grad * np.log(grad) + w_sync * np.log(np.where(sync > 0, sync, 1.0)) - np.log(step)) / gamma
    none = np.zeros_like(m)
    first = np.column_stack([1.0 / grad, m / grad, none, none, none, none, none])
    reach = [by_grad, by_grad * m, by_sync * across, by_sync * across * more, by_sync * within, by_sync * within * more]
    errors = (np.log(grad) - np.log(rows.accumulation_s), np.log(step) - np.log(rows.step_s))
    return Prediction(errors, (first, np.column_stack([*reach, by_gamma])))


def objective(params: go.FloatArray, rows: Measurements) -> tuple[float, go.FloatArray]:
    """The objective and its (7,) gradient."""
    _, _, alpha_n, beta_n, alpha_r, beta_r, gamma = params
    predicted = predict(params, rows)
    total, gradient = 0.0, np.zeros(7)
    for error, slope in zip(predicted.errors, predicted.slopes, strict=True):
        root = float(np.sqrt(np.mean(error**2)))
        total += root
        gradient += error @ slope / (len(error) * root) if root > 0 else 0.0
    ratio_n, ratio_r = beta_n / alpha_n, beta_r / alpha_r
    gradient[2:6] += 0.02 * np.array(
        [-(ratio_n**2) / alpha_n, ratio_n / alpha_n, -(ratio_r**2) / alpha_r, ratio_r / alpha_r]
    )
    gradient[6] += 0.002 * (gamma - 1.0)
    return total + 1e-3 * (gamma - 1.0) ** 2 + 1e-2 * (ratio_n**2 + ratio_r**2), gradient
