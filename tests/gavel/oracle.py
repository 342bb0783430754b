"""What each policy is worth, computed apart from the library: numpy arrays, scipy.optimize.linprog, nothing else.

Base constraints over X (J, R), read row by row:  sum_j X_ij <= 1,  sum_i s_i X_ij <= N_j,  X >= 0.
Smooth objectives are solved by outer approximation: every job's concave utility is the lower envelope of tangents, the
linear program gives a bound and a point, tangents at the point are added until bound and value meet.
"""

from __future__ import annotations

import numpy as np
from scipy import optimize, sparse

from tests.gavel.instances import Array, Plain


def base(p: Plain, extra: int = 0) -> tuple[sparse.csr_matrix, Array]:
    """Time and capacity rows (A, b) over X and ``extra`` further variables."""
    jobs, types = p.rates.shape
    time = sparse.kron(sparse.identity(jobs), np.ones((1, types)))
    load = sparse.kron(p.scale[None, :], sparse.identity(types))
    rows = sparse.vstack([time, load])
    if extra:
        rows = sparse.hstack([rows, sparse.csr_matrix((rows.shape[0], extra))])
    return sparse.csr_matrix(rows), np.concatenate([np.ones(jobs), p.count])


def bounds(rates: Array) -> list[tuple[float, float | None]]:
    """No time where there is no rate: nothing is lost, and cells that are forbidden stay empty."""
    return [(0.0, None if r > 0 else 0.0) for r in rates.ravel()]


def solve(cost: Array, rows: sparse.csr_matrix, limit: Array, box: list[tuple[float, float | None]]) -> Array:
    found = optimize.linprog(cost, A_ub=rows, b_ub=limit, bounds=box, method="highs")
    assert found.status == 0, found.message
    return np.asarray(found.x)


def largest_sum(p: Plain, factor: Array, rates: Array | None = None) -> float:
    """max sum_i factor_i sum_j T_ij X_ij."""
    T = p.effective if rates is None else rates
    rows, limit = base(p)
    cost = (factor[:, None] * T).ravel()
    unit = cost.max(initial=0.0) or 1.0
    return float(cost @ solve(-cost / unit, rows, limit, bounds(T)))


def largest_minimum(p: Plain, factor: Array, rates: Array | None = None) -> float:
    """max min_i factor_i sum_j T_ij X_ij; 0 where some job can run nowhere."""
    return most_even(p, factor, rates)[0]


def most_even(p: Plain, factor: Array, rates: Array | None = None) -> tuple[float, Array]:
    """The largest minimum and an X (J, R) that attains it."""
    T = (p.effective if rates is None else rates) * factor[:, None]
    if not len(T) or not (T > 0).any(axis=1).all():
        return 0.0, np.zeros(T.shape)
    unit = T.max(axis=1).min()  # the answer is at most this
    jobs, types = T.shape
    rows, limit = base(p, 1)
    gain = sparse.csr_matrix((T.ravel() / unit, (np.repeat(np.arange(jobs), types), np.arange(T.size))))
    rows = sparse.vstack([rows, sparse.hstack([-gain, np.ones((jobs, 1))])])
    limit = np.concatenate([limit, np.zeros(jobs)])
    found = solve(np.append(np.zeros(T.size), -1.0), sparse.csr_matrix(rows), limit, [*bounds(T), (0.0, None)])
    return float(found[-1]) * unit, found[:-1].reshape(T.shape)


def shortest_makespan(p: Plain, rates: Array | None = None) -> float:
    """min max_i n_i / tput_i, as the reciprocal of the largest minimum of tput_i / n_i."""
    z = largest_minimum(p, 1.0 / p.steps, rates)
    return 1.0 / z if z > 0 else np.inf


def fairest_finish(p: Plain, isolated: Array | None = None) -> float:
    """min max_i rho_i, rho_i = (t_i + n_i / tput_i) / (C_i + n_i / iso_i): root-finding on rho over linear programs."""
    rate = references(p)["isolated"] if isolated is None else isolated
    alone = p.isolated_elapsed + p.steps / rate

    def reach(rho: float) -> float:  # > 0 where every job can be done within rho of its isolated finish time
        return largest_minimum(p, (rho * alone - p.elapsed) / p.steps) - 1.0

    ceiling = p.effective.max(axis=1)
    low = float(((p.elapsed + p.steps / ceiling) / alone).max())  # every job at its fastest
    high = 2.0 * low
    while reach(high) < 0.0:
        high *= 2.0
    return low if reach(low) >= 0.0 else float(optimize.brentq(reach, low, high, xtol=1e-13 * low, rtol=1e-12))


def smooth(p: Plain, slope: Array, weight: Array, power: float) -> tuple[float, float]:
    """(value, bound) of the power mean (sum v u^power)^(1/power), u = slope rate; power 0: sum of weight log u.

    The value comes from a point on the central path (Newton with a logarithmic barrier).
    """
    unit, even = most_even(p, slope)  # near the smallest utility at the optimum
    assert unit > 0, "a job that can run nowhere has no smooth optimum"
    x = central_point(p, p.effective * slope[:, None] / unit, weight / weight.sum(), power, even)
    return proof(p, slope, weight, power, x, unit)


def proof(p: Plain, slope: Array, weight: Array, power: float, x: Array, unit: float) -> tuple[float, float]:
    """(value, bound) of a power mean at a feasible x: U(x*) <= U(x) + max_s gradient.(s - x), a linear program.

    ``unit`` is a typical utility to divide by.
    """
    T = p.effective * slope[:, None] / unit
    value, slope_there, _ = contributions((T * x).sum(axis=1), weight / weight.sum(), power)
    gradient = slope_there[:, None] * T
    rows, limit = base(p)
    best = float(gradient.ravel() @ solve(-gradient.ravel(), rows, limit, bounds(T)))
    total = float(value.sum())
    bound = total + best - float((gradient * x).sum())
    return _mean(total, power, weight, unit), _mean(bound, power, weight, unit)


def contributions(u: Array, share: Array, power: float) -> tuple[Array, Array, Array]:
    """Concave contributions whose sum is a rising map of the mean, with their first and second derivatives."""
    if power == 0.0:
        return share * np.log(u), share / u, -share / u**2
    sign = np.sign(power)
    first = abs(power) * share * u ** (power - 1.0)
    return sign * share * u**power, first, (power - 1.0) * first / u


def central_point(p: Plain, T: Array, share: Array, power: float, start: Array, gap: float = 1e-9) -> Array:
    """X with  sum f_i(T_i X_i)  within about ``gap`` of its maximum, strictly inside the base constraints."""
    rows, limit = base(p)
    keep = np.flatnonzero(T.ravel() > 0)
    A = rows[:, keep].toarray()
    gain = np.zeros((len(T), len(keep)))
    gain[keep // T.shape[1], np.arange(len(keep))] = T.ravel()[keep]
    x = (0.5 * start + 0.25 * isolated_share(p)).ravel()[keep]
    sharpness, pieces = 0.1, len(keep) + len(limit)
    while pieces / sharpness > gap:
        sharpness, before = 10.0 * sharpness, np.inf
        for _ in range(500):
            slack = limit - A @ x
            _, first, second = contributions(gain @ x, share, power)
            push = x * (sharpness * gain.T @ first - A.T @ (1.0 / slack)) + 1.0  # all in units of x
            curve = np.outer(x, x) * ((A.T / slack**2) @ A - sharpness * (gain.T * second) @ gain) + np.eye(len(x))
            size = np.sqrt(np.diag(curve))
            step = np.linalg.solve(curve / np.outer(size, size), push / size) / size
            decrement = float(push @ step)
            if decrement < 1e-9 or (decrement < 1e-4 and decrement >= before):  # centred, as far as rounding allows
                break
            before = decrement
            x = x * (1.0 + _length(step, A @ (x * step) / slack, decrement) * step)
    full = np.zeros(T.size)
    full[keep] = x
    return full.reshape(T.shape)


def _length(step: Array, used: Array, decrement: float) -> float:
    """A damped Newton step that stays inside: full close to the centre, 1 / (1 + decrement^(1/2)) far from it."""
    reach = max(float((-step).max()), float(used.max()), 1e-300)
    return min(1.0 if decrement < 0.1 else 1.0 / (1.0 + float(np.sqrt(decrement))), 0.9 / reach)


def _mean(total: float, power: float, weight: Array, unit: float) -> float:
    if power == 0.0:
        return float(weight.sum()) * (total + float(np.log(unit)))
    return unit * abs(total) ** (1.0 / power)


def references(p: Plain, rates: Array | None = None) -> dict[str | None, Array]:
    """The rates to normalise by: proportional, best, isolated; 1 where a job can run nowhere."""
    T = p.effective if rates is None else rates
    share = p.count / p.count.sum()
    slice_ = isolated_share(p)
    found = {
        None: np.ones(len(T)),
        "proportional": T @ share,
        "best": T.max(axis=1),
        "isolated": (T * slice_).sum(axis=1),
    }
    return {name: np.where(rate > 0, rate, 1.0) for name, rate in found.items()}


def isolated_share(p: Plain) -> Array:
    """X_ij = N_j / (n s_i), rows cut to sum 1; no time where the gang does not fit."""
    slice_ = p.count[None, :] / (len(p.scale) * p.scale[:, None])
    slice_ = slice_ / np.maximum(slice_.sum(axis=1, keepdims=True), 1.0)
    return np.where(p.scale[:, None] <= p.count[None, :], slice_, 0.0)


def proportional_share(p: Plain) -> Array:
    """X_ij = N_j / sum N where the gang fits, each column cut to capacity."""
    share = np.where(p.scale[:, None] <= p.count[None, :], p.count / p.count.sum(), 0.0)
    return share / np.maximum(p.scale @ share / np.where(p.count > 0, p.count, 1.0), 1.0)


def as_on(p: Plain, column: int | None) -> Array:
    """Every rate as on one type (None: the one with the largest mean of rates divided by the job's best)."""
    raw = np.nan_to_num(p.rates)
    if column is None:
        best = raw.max(axis=1, keepdims=True)
        column = int(np.argmax((raw / np.where(best > 0, best, 1.0)).mean(axis=0)))
    fits = p.scale[:, None] <= p.count[None, :]
    return np.where(fits, raw[:, [column]], 0.0)


def first_done(p: Plain) -> float:
    """min_i n_i / (best fill of the fastest types): every gang that fits may stay on its fastest type all the time."""
    best = p.effective.max(axis=1)
    return float((p.steps[best > 0] / best[best > 0]).min())
