"""The packing turned round: what can M GPUs carry, how tight may objectives be, and what does a session cost?

    largest scale    max { s : the sessions at rates s R_k fit M GPUs }
    tightest SLO     min { f : the sessions at objectives f L_k fit M GPUs }       (all sessions, or one)
    session cost     the GPUs that a session answers for in the optimum's prices

Both searches bisect on the packing. A factor counts as possible when a plan within M GPUs is in hand, and as impossible only
when the judge's bound is above M; what lies between the two is reported as such. More rate or less time never needs fewer
GPUs in the split problem (the old plan stays feasible); of the unsplit optimum no exception is known. The greedy has
many, so its factor is one that works, not the largest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import gavelopt as go
from formulations.nexus.exact import packed
from formulations.nexus.residuals import residuals_of
from formulations.nexus.squishy import Squishy

LARGEST = 2.0**40  # factors beyond this count as without limit


@dataclass(frozen=True, eq=False)
class Factor:
    """possible: the last factor with a plan, and that plan; impossible: the nearest one that is proved not to fit."""

    possible: float
    impossible: float
    solution: go.Solution


@dataclass(frozen=True)
class SessionCost:
    """What one session costs.

    gpus: whole GPUs plus the price of its residual in the pattern bound (they add up to that bound); per_100_rps: the same
    per 100 requests per second; marginal_per_100_rps: what 100 more cost as whole GPUs, 100 / T_k (the dual of its rate
    row in the split problem's linear relaxation).
    """

    session: str
    gpus: float
    per_100_rps: float
    marginal_per_100_rps: float


def largest_scale(
    instance: go.PackingInstance, gpus: int, method: str = "exact", precision: float = 1e-3, variant: str = "unsplit"
) -> Factor:
    """The largest uniform scaling of all rates that fits ``gpus`` GPUs, to a relative precision.

    Raises:
        InputError: no session with a rate, or no GPU; Infeasible: an objective that no rate can meet.
    """
    _check(instance, gpus)
    rate = instance.sessions.rate_rps

    def at(factor: float) -> go.PackingInstance:
        return instance.replace(sessions=instance.sessions.replace(rate_rps=rate * factor))

    return _bisect(lambda factor: go.solve(at(factor), Squishy(variant), method=method), gpus, precision, rising=True)


def tightest_slo(
    instance: go.PackingInstance,
    gpus: int,
    session: str | None = None,
    method: str = "exact",
    precision: float = 1e-3,
    variant: str = "unsplit",
) -> Factor:
    """The smallest factor on all objectives (or on one session's) with which the sessions fit ``gpus`` GPUs."""
    _check(instance, gpus)
    chosen = np.ones(len(instance.sessions), dtype=bool)
    if session is not None:
        chosen = np.arange(len(chosen)) == instance.sessions.names.index(session)

    def at(factor: float) -> go.PackingInstance:
        slo = np.where(chosen, instance.sessions.slo_ms * factor, instance.sessions.slo_ms)
        return instance.replace(sessions=instance.sessions.replace(slo_ms=slo))

    return _bisect(lambda factor: go.solve(at(factor), Squishy(variant), method=method), gpus, precision, rising=False)


def session_costs(instance: go.PackingInstance) -> list[SessionCost]:
    """Every session's part of the GPUs, the dearest per request first."""
    problem = go.Problem(instance, Squishy())
    phase, residuals = residuals_of(problem)
    _, prices = packed(residuals, np.inf, root_only=True)
    own = phase.whole.sum(axis=1) + (0.0 if prices.sessions is None else prices.sessions / 1e9)
    found = []
    for k, name in enumerate(instance.sessions.names):
        rate, peak = float(instance.sessions.rate_rps[k]), float(instance.peak_rps[k].max(initial=0.0))
        per = 100.0 * float(own[k]) / rate if rate > 0 else 0.0
        found.append(SessionCost(name, float(own[k]), per, 100.0 / peak if peak > 0 else np.inf))
    return sorted(found, key=lambda cost: -cost.per_100_rps)


def _check(instance: go.PackingInstance, gpus: int) -> None:
    if gpus < 1 or len(instance.gpus) != 1:
        raise go.InputError(
            "this question is asked of one accelerator type and at least one GPU",
            seen=f"{gpus} GPUs, {len(instance.gpus)} types",
        )
    if not (instance.sessions.rate_urps > 0).any():
        raise go.InputError("no session has requests", fix="give a rate")


def _bisect(ask: Callable[[float], go.Solution], gpus: int, precision: float, rising: bool) -> Factor:
    """rising: larger factors need more GPUs. Works on the logarithm of the factor."""
    step = 2.0 if rising else 0.5
    good, bad, undecided, best = None, None, None, None
    factor = 1.0
    while good is None or (bad is None and undecided is None):
        solution = ask(factor)
        if solution.value is not None and solution.value <= gpus:
            good, best = factor, solution
            factor *= step
        else:
            bad, undecided = _worse(solution, gpus, factor, bad, undecided)
            factor /= step
        if not 1 / LARGEST < factor < LARGEST:
            raise go.Infeasible(f"no factor on the way to {factor:.3g} fits {gpus} GPUs, or every one does")
    assert best is not None
    while True:
        end = (
            min(e for e in (bad, undecided) if e is not None)
            if rising
            else max(e for e in (bad, undecided) if e is not None)
        )
        if abs(np.log(end / good)) <= precision:
            return Factor(good, bad if bad is not None else (np.inf if rising else 0.0), best)
        factor = float(np.sqrt(good * end))
        solution = ask(factor)
        if solution.value is not None and solution.value <= gpus:
            good, best = factor, solution
        else:
            bad, undecided = _worse(solution, gpus, factor, bad, undecided)


def _worse(
    solution: go.Solution, gpus: int, factor: float, bad: float | None, undecided: float | None
) -> tuple[float | None, float | None]:
    """Whether the factor is proved impossible, or only no plan was found."""
    proved = solution.status == "infeasible" or (
        solution.bound is not None and solution.bound_kind == "proved" and solution.bound > gpus
    )
    return (factor, undecided) if proved else (bad, factor)
