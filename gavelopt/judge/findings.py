"""The properties of a fairness audit, each as a finding: does it hold, by which figure, and who breaks it.

    sharing incentive      r_i >= fair_i                                   no job would rather have its own slice
    envy-freeness          r_i >= V_i(B_k e_i / e_k)                       no job would rather have another's accelerators
    Pareto efficiency      no feasible r' >= r with r' != r                nobody can gain without another's loss
    finish-time fairness   rho_i <= 1                                      no job ends later than on an equal slice

The formulas are in fairness.py. Comparisons allow a relative ``tolerance``, and a property that cannot be decided says why
instead of passing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from gavelopt.judge.check import check
from gavelopt.judge.fairness import Envy
from gavelopt.judge.ideal import Ideal, most
from gavelopt.model.allocation import Allocation
from gavelopt.model.arrays import FloatArray
from gavelopt.model.instance import Instance

SHOWN = 20  # violations that a finding spells out
LOSS = 1e-7  # what the witness may cost anyone, as a part of the job's rate: the feasibility limit of the judge


@dataclass(frozen=True)
class Violation:
    """Which jobs break a property, in words, and the figures behind the words."""

    jobs: tuple[str, ...]
    text: str
    figures: Mapping[str, float]


@dataclass(frozen=True)
class Finding:
    """One property of an allocation.

    holds: True, False, or None where it could not be decided (``note`` says why).
    figure: the one number that ``measure`` describes; None where there is none.
    violations: the worst SHOWN of ``count``, worst first.
    """

    name: str
    holds: bool | None
    figure: float | None
    measure: str
    violations: tuple[Violation, ...] = ()
    count: int = 0
    note: str = ""

    @property
    def title(self) -> str:
        """The name as people write it."""
        return {"pareto_efficiency": "Pareto efficiency", "envy_freeness": "envy-freeness"}.get(
            self.name,
            self.name.replace("_", " ").replace("finish time", "finish-time").replace("strategy ", "strategy-"),
        )


def sharing_incentive(instance: Instance, rate: FloatArray, fair: FloatArray, tolerance: float) -> Finding:
    """rate, fair: (J,) throughput now, and with its own slice of the cluster."""
    measure = "smallest throughput as a multiple of the own slice's"
    can = np.flatnonzero(fair > 0)
    if not len(can):
        return Finding("sharing_incentive", True, None, measure, note="no job can run")
    ratio = rate[can] / fair[can]
    order = np.argsort(ratio, kind="stable")
    broken = can[order][ratio[order] < 1.0 - tolerance]
    names, unit = instance.jobs.names, instance.throughputs.unit
    violations = [
        Violation(
            (names[i],),
            f"{names[i]} runs at {rate[i]:.4g} {unit}; its own slice would give {fair[i]:.4g} ({rate[i] / fair[i]:.3g} of it)",
            {"rate": float(rate[i]), "fair_rate": float(fair[i]), "ratio": float(rate[i] / fair[i])},
        )
        for i in _first(broken)
    ]
    return _finding("sharing_incentive", float(ratio.min()), measure, violations, len(broken))


def envy_freeness(instance: Instance, rate: FloatArray, best: Envy, tolerance: float) -> Finding:
    """rate: (J,) throughput now; ``best``: the others' bundle that each job would like best."""
    measure = "largest throughput with another's accelerators as a multiple of the own"
    envious = best.rate - rate > tolerance * best.rate
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(best.rate > 0, best.rate / rate, 0.0)
    order = np.argsort(-ratio, kind="stable")
    broken = order[envious[order]]
    names, unit = instance.jobs.names, instance.throughputs.unit
    violations = [
        Violation(
            (names[i], names[int(best.of[i])]),
            f"{names[i]} runs at {rate[i]:.4g} {unit}; with the accelerators of {names[int(best.of[i])]} it would run at "
            f"{best.rate[i]:.4g} ({_times(float(ratio[i]))})",
            {"rate": float(rate[i]), "rate_with_bundle": float(best.rate[i]), "ratio": float(ratio[i])},
        )
        for i in _first(broken)
    ]
    figure = float(ratio.max()) if (best.of >= 0).any() else None  # None: nobody holds another bundle than the rest
    return _finding("envy_freeness", figure, measure, violations, len(broken))


@dataclass(frozen=True, eq=False)
class Improvement:
    """Whether something could be gained without anybody's loss; ``witness`` is an allocation that shows it, or None."""

    finding: Finding
    witness: Allocation | None = None


def pareto_efficiency(allocation: Allocation, instance: Instance, feasible: bool, tolerance: float) -> Improvement:
    """Whether some allocation raises a rate and lowers none, by the largest sum of normalised rates above the present ones.

    Decided by recomputed figures only: True by the proved bound, False by the witness, which is checked like any answer.
    """
    measure = "what could be gained without loss, as a part of all normalised throughput"
    name = "pareto_efficiency"
    if not feasible:
        return Improvement(
            Finding(name, None, None, measure, note="the allocation breaks a constraint (see the checks)")
        )
    space, rate = allocation.space, allocation.rates
    top = np.where(space.ceiling > 0, space.ceiling, 1.0)
    now = float((rate / top).sum())
    ideal = most(space, 1.0 / top, rate * (1.0 - 1e-9))
    if ideal is None:
        return Improvement(Finding(name, None, None, measure, note="the linear program was not solved"))
    gain = max(0.0, ideal.value - now) / max(now, 1e-300)
    if ideal.bound - now <= tolerance * max(now, 1e-300):
        return Improvement(Finding(name, True, 0.0 if gain <= tolerance else gain, measure))
    witness = Allocation(ideal.space, ideal.x)
    if gain <= tolerance or not _harmless(ideal, rate):
        note = f"at most {(ideal.bound - now) / max(now, 1e-300):.3g} could be gained; no allocation shows it"
        return Improvement(Finding(name, None, gain, measure, note=note))
    return Improvement(_gains(instance, rate, ideal, gain, measure, tolerance), witness)


def _harmless(ideal: Ideal, rate: FloatArray) -> bool:
    within = all(c.passed for c in check(ideal.space, ideal.x))
    return within and bool((ideal.rate >= rate * (1.0 - LOSS)).all())


def _gains(instance: Instance, rate: FloatArray, ideal: Ideal, gain: float, measure: str, tolerance: float) -> Finding:
    top = np.where(ideal.space.ceiling > 0, ideal.space.ceiling, 1.0)
    more = (ideal.rate - rate) / top
    order = np.argsort(-more, kind="stable")
    winners = order[more[order] > tolerance]
    names, unit = instance.jobs.names, instance.throughputs.unit
    violations = [
        Violation(
            (names[i],),
            f"{names[i]} could run at {ideal.rate[i]:.4g} {unit} instead of {rate[i]:.4g}, and nobody would lose",
            {"rate": float(rate[i]), "possible_rate": float(ideal.rate[i])},
        )
        for i in _first(winners)
    ]
    return Finding("pareto_efficiency", False, gain, measure, tuple(violations), len(winners))


def finish_time_fairness(instance: Instance, rho: FloatArray, tolerance: float) -> Finding:
    """rho: (J,) finish-time ratios, NaN where unknown."""
    measure = "largest finish time as a multiple of that on an equal slice, weights apart"
    known = np.flatnonzero(~np.isnan(rho))
    unknown = len(rho) - len(known)
    note = (
        f"left out: {unknown} job(s) that are done, can run nowhere, or started with steps unknown" if unknown else ""
    )
    if not len(known):
        return Finding("finish_time_fairness", None if unknown else True, None, measure, note=note)
    order = known[np.argsort(-rho[known], kind="stable")]
    broken = order[rho[order] > 1.0 + tolerance]
    names = instance.jobs.names
    violations = [
        Violation(
            (names[i],), f"{names[i]} ends {_times(float(rho[i]))} as late as on an equal slice", {"rho": float(rho[i])}
        )
        for i in _first(broken)
    ]
    return _finding("finish_time_fairness", float(rho[order[0]]), measure, violations, len(broken), note)


def _finding(
    name: str, figure: float | None, measure: str, violations: list[Violation], count: int, note: str = ""
) -> Finding:
    return Finding(name, count == 0, figure, measure, tuple(violations), count, note)


def _first(positions: Iterable[int]) -> list[int]:
    return [int(position) for position in list(positions)[:SHOWN]]


def _times(ratio: float) -> str:
    return f"{ratio:.3g} times" if np.isfinite(ratio) else "infinitely many times"
