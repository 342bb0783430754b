"""The unsplit problem as one compact mixed-integer program for HiGHS: a cross-check for small cases.

    z_kji in {0, 1}    residual k is on GPU j with row i of its table (a batch);  sum_{j, i} z_kji = 1
    d_j >= 0           duty cycle, milliseconds
    d_j <= sum_i min(lasts_ki, L_k - l_ki) z_kji + D (1 - sum_i z_kji)      every k, j
    sum_{k, i} l_ki z_kji <= d_j;      sum_i z_kji <= used_j
    minimise sum_j used_j;   session a only on GPUs 0 .. a (by falling occupancy);   used_j >= used_(j+1)

D is the longest cycle that any session bears. One GPU type, its memory as a second sum.
"""

from __future__ import annotations

import numpy as np
from scipy import optimize, sparse

import gavelopt as go
from formulations.nexus.compact_cpsat import bins_from, by_occupancy, one_type
from formulations.nexus.greedy import best_fit
from formulations.nexus.residuals import UNLIMITED, Bin, Residuals, plan_of, residuals_of

GIB = float(1 << 30)


def milp(problem: go.Problem) -> go.Answer:
    """HiGHS on the compact program; ``unsplit`` only."""
    phase, residuals = residuals_of(problem)
    one_type(residuals, "milp")
    hint, _ = best_fit(residuals, "repository")
    bins, bound, words = _solve(residuals, hint, problem.seconds_left) if hint else ([], 0, "no residuals")
    base = int(phase.whole.sum()) * int(residuals.price[0])
    return go.Answer(
        np.zeros(0),
        plan=plan_of(phase, residuals, bins),
        claimed_bound=(base + bound * int(residuals.price[0])) / 1e6,
        notes=(words,),
    )


class _Rows:
    """Rows  lower <= a.v <= upper, gathered one by one."""

    def __init__(self) -> None:
        self.at: list[tuple[int, int, float]] = []
        self.lower: list[float] = []
        self.upper: list[float] = []

    def add(self, terms: list[tuple[int, float]], lower: float, upper: float) -> None:
        self.at += [(len(self.lower), column, factor) for column, factor in terms]
        self.lower.append(lower)
        self.upper.append(upper)

    def constraint(self, columns: int) -> optimize.LinearConstraint:
        row, column, factor = (np.array(part) for part in zip(*self.at, strict=True))
        matrix = sparse.csr_array((factor, (row.astype(int), column.astype(int))), shape=(len(self.lower), columns))
        return optimize.LinearConstraint(matrix, self.lower, self.upper)


def _solve(residuals: Residuals, hint: list[Bin], seconds: float) -> tuple[list[Bin], int, str]:
    gpus, n = len(hint), len(residuals)
    start, lasts, latency, memory, budget = residuals.tables
    bears = np.minimum(lasts, np.repeat(budget, np.diff(start)) - latency)
    longest = bears.max() / 1e3
    first = 2 * gpus  # variables: used (gpus), d (gpus), then z by GPU and row of the tables
    columns = first + gpus * len(latency)
    top = np.ones(columns)
    top[gpus:first] = longest
    rows = _Rows()
    for k in range(n):
        cells = range(start[k], start[k + 1])
        rows.add([(first + j * len(latency) + i, 1.0) for j in range(gpus) for i in cells], 1.0, 1.0)
        for j in range(gpus):
            z = [(first + j * len(latency) + i, i) for i in cells]
            rows.add([(j, -1.0), *((v, 1.0) for v, _ in z)], -np.inf, 0.0)
            rows.add([(gpus + j, 1.0), *((v, longest - bears[i] / 1e3) for v, i in z)], -np.inf, longest)
    for j in range(gpus):
        own = first + j * len(latency)
        rows.add([(gpus + j, -1.0), *((own + i, float(time) / 1e3) for i, time in enumerate(latency))], -np.inf, 0.0)
        if residuals.memory_limit[0] < UNLIMITED:
            limit = float(residuals.memory_limit[0]) / GIB
            rows.add([(own + i, float(held) / GIB) for i, held in enumerate(memory)], -np.inf, limit)
        if j:
            rows.add([(j - 1, 1.0), (j, -1.0)], 0.0, np.inf)
    for place, k in enumerate(by_occupancy(residuals)):
        for j in range(place + 1, gpus):
            top[first + j * len(latency) + start[k] : first + j * len(latency) + start[k + 1]] = 0.0
    solved = optimize.milp(
        np.concatenate([np.ones(gpus), np.zeros(columns - gpus)]),
        constraints=rows.constraint(columns),
        integrality=np.concatenate([np.ones(gpus), np.zeros(gpus), np.ones(columns - first)]),
        bounds=optimize.Bounds(0, top),
        options={"time_limit": min(max(seconds, 0.01), 1e6)},
    )
    bound = 0 if solved.mip_dual_bound is None else int(np.ceil(solved.mip_dual_bound - 1e-6))
    if solved.x is None:
        return hint, bound, "HiGHS found nothing in time; the greedy's packing is kept"
    on = solved.x[first:].reshape(gpus, -1) > 0.5
    groups = [tuple(k for k in range(n) if on[j, start[k] : start[k + 1]].any()) for j in range(gpus)]
    return bins_from(residuals, groups), bound, f"HiGHS: {'optimal' if solved.status == 0 else 'stopped'}"
