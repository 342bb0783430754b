"""The fairness audit of an allocation, wherever it comes from.

``audit(instance, allocation)`` asks of any allocation, solved or read from a file: is it feasible, does every job do at
least as well as on its own slice of the cluster, does anybody envy anybody, could somebody gain without another's loss,
does anybody end later than alone, how even is it, and what does its fairness cost. Only numpy and scipy are used, at the
measured rates; nothing is asked of the method that made the allocation.

    price of fairness   1 - sum_i k_i r_i / max sum_i k_i r_i     k = 1 ("throughput", what max_sum maximises),
                                                                  k = 1 / ceiling ("normalised", jobs at full speed)

Reference: Bertsimas, Farias and Trichakis 2011 (price of fairness); the other properties in fairness.py.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gavelopt.errors import InputError
from gavelopt.judge.check import check
from gavelopt.judge.evenness import Evenness, evenness
from gavelopt.judge.fairness import bundles, entitlements, envy, fair_rates, finish_time_ratios
from gavelopt.judge.findings import (
    Finding,
    envy_freeness,
    finish_time_fairness,
    pareto_efficiency,
    sharing_incentive,
)
from gavelopt.judge.ideal import most
from gavelopt.judge.misreport import FACTORS, Resolve, liars, probe, strategy_proofness
from gavelopt.model.allocation import Allocation
from gavelopt.model.constraints import Check
from gavelopt.model.instance import Instance
from gavelopt.model.policy import Policy
from gavelopt.model.solution import Solution
from gavelopt.model.view import NumericView

if TYPE_CHECKING:
    import pandas as pd

TOLERANCE = 1e-6
# bound by name, so that the judge depends neither on a solver nor on presentation
TEXT = "gavelopt.report.audit:audit_text"
RESOLVER = "gavelopt.engine.what_if:resolver"


@dataclass(frozen=True, eq=False)
class Audit:
    """What the audit found. ``audit["envy_freeness"]`` is a Finding; ``print(audit)`` shows all of it.

    checks: feasibility, constraint by constraint. findings: in the order of findings.py, and ``strategy_proofness`` where
    it was probed. witness: an allocation in which some gain and nobody loses, or None. price_of_fairness: by measure.
    columns: (J,) figures of every job (see ``to_frame``).
    """

    instance: Instance
    allocation: Allocation
    policy: str | None
    checks: tuple[Check, ...]
    findings: tuple[Finding, ...]
    evenness: Evenness
    price_of_fairness: Mapping[str, float | None]
    witness: Allocation | None
    columns: Mapping[str, Any]

    @property
    def feasible(self) -> bool:
        """Whether the allocation keeps every constraint."""
        return all(c.passed for c in self.checks)

    @property
    def passed(self) -> bool:
        """Whether the allocation is feasible and no property is violated (one may be undecided)."""
        return self.feasible and all(finding.holds is not False for finding in self.findings)

    def __getitem__(self, name: str) -> Finding:
        for finding in self.findings:
            if finding.name == name:
                return finding
        raise KeyError(name)

    def to_frame(self) -> pd.DataFrame:
        """One row a job: throughput, that of its own slice, of the bundle it would like best and whose, rho, witness."""
        import pandas as pd

        frame = pd.DataFrame(dict(self.columns), index=list(self.instance.jobs.names))
        frame.index.name = "job"
        return frame

    def to_dict(self) -> dict[str, Any]:
        """Everything but the jobs' rows as plain Python, ready for JSON; figures that are not finite become None."""
        return {
            "policy": self.policy,
            "feasible": self.feasible,
            "passed": self.passed,
            "checks": [
                {"name": c.name, "passed": c.passed, "residual": _plain(c.residual), "worst": c.worst}
                for c in self.checks
            ],
            "findings": [_finding_dict(finding) for finding in self.findings],
            "evenness": {
                "jobs": self.evenness.jobs,
                "by_accelerator": dict(self.evenness.by_accelerator),
                "by_entity": dict(self.evenness.by_entity),
                "entities": self.evenness.entities,
            },
            "price_of_fairness": dict(self.price_of_fairness),
            "witness": None if self.witness is None else [list(cell) for cell in self.witness.nonzero(1e-9)],
        }

    def __str__(self) -> str:
        module, _, name = TEXT.partition(":")
        return getattr(importlib.import_module(module), name)(self)  # type: ignore[no-any-return]


def audit(
    instance: Instance,
    allocation: Allocation,
    policy: Policy | None = None,
    *,
    entitlement: str | object = "weight",
    tolerance: float = TOLERANCE,
    resolve: Resolve | None = None,
    probe_jobs: int | Sequence[str] = 8,
    factors: Sequence[float] = FACTORS,
    seed: int = 0,
) -> Audit:
    """Audit an allocation of ``instance``.

    Args:
        allocation: over the instance's jobs and types, at measured rates (``Allocation.from_frame`` for one from elsewhere).
        policy: whose further constraints (rate floors) the allocation should keep.
        entitlement: what a job has a right to: "weight", "equal", or (J,) positive numbers.
        tolerance: relative, of every comparison.
        resolve: solves the policy on another instance; with it, misreports are probed (see misreport.py).
        probe_jobs: names of the jobs that lie, or how many to draw with ``seed``; factors: what they multiply a rate by.

    Raises:
        InputError: no training instance; an allocation of other jobs or types; an unknown entitlement.
    """
    _same_axes(instance, allocation)
    right, rate = entitlements(instance, entitlement), allocation.rates
    fair, held, rho = fair_rates(instance, right), bundles(allocation), finish_time_ratios(instance, rate)
    wished = envy(instance, np.maximum(held, 0.0), right)
    checks = _checks(instance, allocation, policy)
    better = pareto_efficiency(allocation, instance, all(c.passed for c in checks), tolerance)
    findings = [
        sharing_incentive(instance, rate, fair, tolerance),
        envy_freeness(instance, rate, wished, tolerance),
        better.finding,
        finish_time_fairness(instance, rho, tolerance),
    ]
    if resolve is not None:
        names = liars(instance, probe_jobs, seed) if isinstance(probe_jobs, int) else probe_jobs
        findings.append(
            strategy_proofness(probe(instance, allocation, resolve, names, factors), instance.throughputs.unit)
        )
    names_of = np.array([*instance.jobs.names, None], dtype=object)
    columns = {
        "rate": rate,
        "fair_rate": fair,
        "best_other_rate": wished.rate,
        "best_other": names_of[wished.of],
        "rho": rho,
        "possible_rate": rate if better.witness is None else better.witness.rates,
    }
    return Audit(
        instance,
        allocation,
        None if policy is None else policy.describe(),
        checks,
        tuple(findings),
        evenness(instance, rate, fair, held, right),
        _prices_of_fairness(allocation),
        better.witness,
        columns,
    )


def audit_solution(solution: Solution, *, probe_jobs: int | Sequence[str] = 0, **options: Any) -> Audit:
    """The audit of a solution. ``probe_jobs`` (a number or names) also probes strategy-proofness, by solving again.

    Raises:
        InputError: the solution has no allocation; its instance is of another kind than "training".
    """
    if solution.allocation is None:
        raise InputError("no allocation to audit", seen=f"status {solution.status}", fix=solution.message or None)
    if not isinstance(probe_jobs, int) or probe_jobs > 0:
        module, _, name = RESOLVER.partition(":")
        resolve = getattr(importlib.import_module(module), name)(solution.policy, method=solution.method)
        options = {"resolve": resolve, "probe_jobs": probe_jobs, **options}
    return audit(solution.instance, solution.allocation, solution.policy, **options)


def _same_axes(instance: Instance, allocation: Allocation) -> None:
    if instance.kind != "training":
        raise InputError(
            "only allocations of training jobs can be audited", seen=f"an instance of kind {instance.kind!r}"
        )
    if not isinstance(allocation, Allocation):
        raise InputError(
            "an audit needs an Allocation",
            seen=type(allocation).__name__,
            fix="go.Allocation.from_frame makes one of a table",
        )
    for noun, found, expected in (
        ("jobs", allocation.jobs, instance.jobs.names),
        ("accelerators", allocation.accelerators, instance.cluster.accelerators),
    ):
        if found != expected:
            raise InputError(
                f"the allocation's {noun} are not the instance's",
                seen=repr(found),
                rule=repr(expected),
                fix="Allocation.from_frame(instance, frame) puts them in order",
            )


def _checks(instance: Instance, allocation: Allocation, policy: Policy | None) -> tuple[Check, ...]:
    space = allocation.space
    floors = () if policy is None else policy.constraints(NumericView(instance, space, np.zeros(len(space.jobs))))
    return check(space, allocation.x, floors)


def _prices_of_fairness(allocation: Allocation) -> dict[str, float | None]:
    space, rate = allocation.space, allocation.rates
    ceiling = np.where(space.ceiling > 0, space.ceiling, 1.0)
    prices: dict[str, float | None] = {}
    for measure, worth in (("throughput", np.ones(len(rate))), ("normalised", 1.0 / ceiling)):
        best = most(space, worth)
        prices[measure] = None if best is None or best.value <= 0 else 1.0 - float(worth @ rate) / best.value
    return prices


def _finding_dict(finding: Finding) -> dict[str, Any]:
    return {
        "name": finding.name,
        "holds": finding.holds,
        "figure": None if finding.figure is None else _plain(finding.figure),
        "measure": finding.measure,
        "count": finding.count,
        "note": finding.note,
        "violations": [
            {"jobs": list(v.jobs), "text": v.text, **{name: _plain(value) for name, value in v.figures.items()}}
            for v in finding.violations
        ],
    }


def _plain(value: float) -> float | None:
    return float(value) + 0.0 if np.isfinite(value) else None  # + 0.0: no -0.0 in JSON
