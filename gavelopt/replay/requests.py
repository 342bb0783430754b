"""Where requests come from: renewal processes, and traces refitted window by window.

    gamma_workload(rate_rps=[8, 4], cv=4, duration_s=200)        # one Gamma renewal process a model
    refitted(arrivals, window_s=5400, rate_scale=32, cv_scale=1)  # a trace's own rate and burstiness, both scaled
    from_counts(per_minute, window_s=60, rate_scale=2e-3, cv=4)   # a trace that only counts

A Gamma renewal process of rate r and coefficient of variation cv has gaps of shape 1/cv^2 and scale cv^2/r: cv = 1 is
Poisson, cv = 0 evenly spaced. As in AlpaServe the legacy generator of numpy is used, model i of a workload has seed
``seed + i``, and the first request comes after one gap; a window of a trace takes the next seed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gavelopt.errors import InputError
from gavelopt.model.arrays import FloatArray
from gavelopt.model.serving import Workload

RUNAWAY = 5.0  # a fitted rate so many times the counted one is a failed fit: the counted rate is taken


def gamma_arrivals(rate_rps: float, cv: float, duration_s: float, seed: int = 0, start_s: float = 0.0) -> FloatArray:
    """Arrival times in [start_s, start_s + duration_s) of a Gamma renewal process (cv 1: Poisson; 0: evenly spaced)."""
    if not (np.isfinite(rate_rps) and rate_rps >= 0 and np.isfinite(cv) and cv >= 0):
        raise InputError("rate and cv must be finite numbers >= 0", seen=f"rate {rate_rps}, cv {cv}")
    if rate_rps == 0:
        return np.zeros(0)
    random, end = np.random.RandomState(seed), start_s + duration_s
    shape, scale = (1.0 / cv**2, cv**2 / rate_rps) if cv > 0 else (1.0, 1.0 / rate_rps)
    times, now = [], start_s
    chunk = max(int(rate_rps * duration_s * 1.2), 16)
    while now < end:
        gaps = random.gamma(shape, scale, chunk) if cv > 0 else np.full(chunk, scale)
        # added one by one from the last arrival, so that the sums do not depend on the size of the chunk
        arrivals = np.cumsum(np.concatenate([[now], gaps]))[1:]
        times.append(arrivals)
        now = float(arrivals[-1])
    every = np.concatenate(times)
    return np.asarray(every[every < end])


def poisson_arrivals(rate_rps: float, duration_s: float, seed: int = 0) -> FloatArray:
    """Arrival times of a Poisson process."""
    return gamma_arrivals(rate_rps, 1.0, duration_s, seed)


def uniform_arrivals(rate_rps: float, duration_s: float) -> FloatArray:
    """Evenly spaced arrival times."""
    return gamma_arrivals(rate_rps, 0.0, duration_s)


def gamma_workload(rate_rps: Sequence[float] | FloatArray, cv: object, duration_s: float, seed: int = 0) -> Workload:
    """Independent Gamma renewal processes: rate_rps (M,), cv (M,) or one number for all; model i has seed ``seed + i``."""
    bursts = np.broadcast_to(np.asarray(cv, dtype=float), len(rate_rps))
    return Workload.of(
        [
            gamma_arrivals(float(r), float(c), duration_s, seed + i)
            for i, (r, c) in enumerate(zip(rate_rps, bursts, strict=True))
        ]
    )


def power_law_rates(total_rps: float, models: int, exponent: float = 0.5) -> FloatArray:
    """(M,) rates that fall as (i + 1)^-exponent and sum to ``total_rps``; exponent 0: equal rates."""
    share = np.arange(1, models + 1, dtype=float) ** -exponent
    return np.asarray(total_rps * share / share.sum())


def fit_gamma(arrival_s: FloatArray, window_s: float | None = None) -> tuple[float, float]:
    """(rate, cv) of the Gamma renewal process of largest likelihood (location 0) for at least 3 arrivals.

    The rate is that of the gaps, between the first and the last arrival; where it is more than RUNAWAY times the count
    over ``window_s`` the latter is taken, as AlpaServe does. Gaps of 0 lie below the clock's resolution and count as half
    the smallest positive gap.
    """
    from scipy.stats import gamma

    gaps = np.diff(np.sort(arrival_s))
    positive = gaps[gaps > 0]
    if len(gaps) < 2 or not len(positive):
        raise InputError(
            "too few arrivals to fit a Gamma process", seen=len(arrival_s), rule="3 or more distinct times"
        )
    gaps = np.maximum(gaps, positive.min() / 2.0)
    if np.ptp(gaps) <= 1e-12 * gaps.mean():
        rate, cv = 1.0 / float(gaps.mean()), 0.0
    else:
        shape, _, scale = gamma.fit(gaps, floc=0)
        rate, cv = float(1.0 / (shape * scale)), float(shape**-0.5)
    counted = rate if window_s is None else len(arrival_s) / window_s
    return (counted if rate > RUNAWAY * counted else rate), cv


def refitted(
    arrival_s: FloatArray, window_s: float, *, rate_scale: float = 1.0, cv_scale: float = 1.0, seed: int = 0
) -> FloatArray:
    """Arrivals with the trace's own rate and burstiness in every window, both scaled (AlpaServe's use of MAF2).

    Windows with fewer than 3 distinct arrivals keep them as they are; every window takes the next seed.
    """
    arrival = np.sort(np.asarray(arrival_s, dtype=float))
    windows = int(arrival[-1] // window_s) + 1 if len(arrival) else 0
    made = [np.zeros(0)]
    for k in range(windows):
        own = arrival[(arrival >= k * window_s) & (arrival < (k + 1) * window_s)]
        if len(np.unique(own)) < 3:
            made.append(own)
            continue
        rate, cv = fit_gamma(own, window_s)
        made.append(gamma_arrivals(rate * rate_scale, cv * cv_scale, window_s, seed + k, k * window_s))
    return np.concatenate(made)


def from_counts(
    counts: Sequence[float] | FloatArray, window_s: float, *, rate_scale: float = 1.0, cv: float = 4.0, seed: int = 0
) -> FloatArray:
    """Arrivals of a trace that only counts requests per window (AlpaServe's use of MAF1): a Gamma process in each."""
    return np.concatenate(
        [
            np.zeros(0),
            *(
                gamma_arrivals(float(n) / window_s * rate_scale, cv, window_s, seed + k, k * window_s)
                for k, n in enumerate(counts)
            ),
        ]
    )


def dealt(arrivals: Sequence[FloatArray], models: int) -> list[FloatArray]:
    """Many streams dealt round to ``models`` models: stream i goes to model i mod ``models`` (AlpaServe's "stripe")."""
    return [np.sort(np.concatenate([np.zeros(0), *arrivals[m::models]])) for m in range(models)]
