"""From bare numbers to a graded answer: value, bound, gap and status, none of them taken on trust."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gavelopt.errors import GavelOptError
from gavelopt.judge.certify import Multipliers, upper_bound
from gavelopt.judge.check import check, check_rule, value_of
from gavelopt.model.arrays import FloatArray
from gavelopt.model.constraints import Check, RateFloor
from gavelopt.model.instance import Instance
from gavelopt.model.policy import Policy
from gavelopt.model.space import AllocationSpace, Reading
from gavelopt.model.utility import Utility

TINY = 1e-300
NEAR = 1e-9  # relative: a bound that is nearer needs no second one


class ReadingsDisagree(GavelOptError):
    """The numeric and the structural reading of one declaration give different values: a defect of the policy."""


@dataclass(frozen=True, eq=False)
class Verdict:
    """What the judge found: see Solution for the fields."""

    status: str
    value: float | None
    bound: float | None
    bound_kind: str | None
    gap: float | None
    checks: tuple[Check, ...]
    message: str = ""


def judge(
    instance: Instance,
    policy: Policy,
    space: AllocationSpace,
    x: FloatArray,
    *,
    measured: AllocationSpace,
    utility: Utility | None,
    multipliers: Multipliers | None = None,
    proof: Any = None,
    floors: Sequence[RateFloor] = (),
    claimed: float | None = None,
    tolerance: float = 1e-6,
) -> Verdict:
    """Grade the decision ``x``. ``space`` has the rates that the policy believes in; floors are held at ``measured`` ones."""
    reading = Reading(space, x)
    promised = measured.rate(x) if floors and x.shape == (space.size,) else None
    checks = list(check(space, x, floors, promised, reading))
    rule = policy.rule(instance)
    if rule is not None and x.size == rule.size:
        checks.append(check_rule(x.reshape(rule.shape), rule, space.jobs))
    if len(space.jobs) and all(c.passed for c in checks):
        checks.extend(policy.examine(instance, space, x, proof))
    broken = [c for c in checks if not c.passed and not c.proof]
    if broken:
        return Verdict("failed", None, None, None, None, tuple(checks), f"the answer violates {_named(broken)}")
    rates = reading.rate
    value = value_of(policy, instance, space, rates, lambda: reading.usage, proof)
    proofs = [] if rule is None else [value]  # a closed form has one allocation, and the check "rule" has compared it
    normal = None if utility is None else utility.value(rates)
    if utility is not None and normal is not None:
        near = normal + NEAR * abs(normal)
        proofs.append(utility.reported(upper_bound(space, utility, multipliers, floors, measured, near)))
    own = policy.prove(instance, space, proof) if len(space.jobs) else None
    if own is not None:
        proofs.append(own)
    if utility is not None and normal is not None and len(instance.jobs):
        _same_reading(policy, utility, value, normal)
    if not np.isfinite(value):
        return _infinite(instance, policy, space, tuple(checks), proof)
    bound, kind = _bound(proofs, policy.sense, claimed, value, tolerance) if len(space.jobs) else (0.0, "proved")
    logarithmic = utility is not None and utility.p == 0 and utility.report == "same"
    gap = relative_gap(value, bound, logarithmic=logarithmic, weight=utility)
    status, unproved = _status(gap, tolerance, kind), [c for c in checks if not c.passed]
    if unproved and status == "optimal":
        status = "bounded"
    message = f"no proof that it is optimal: {_named(unproved)}" if unproved else ""
    return Verdict(status, value, bound, kind, gap, tuple(checks), message)


def _named(checks: Sequence[Check]) -> str:
    return ", ".join(f"{c.name} by {c.residual:.3g}" + (f" at {c.worst}" if c.worst else "") for c in checks)


def _infinite(
    instance: Instance, policy: Policy, space: AllocationSpace, checks: tuple[Check, ...], proof: Any
) -> Verdict:
    """Infeasible where even every job at its ceiling gives no finite value; otherwise this answer alone is at fault."""
    if np.isfinite(value_of(policy, instance, space, space.ceiling, lambda: space.capacity, proof)):
        return Verdict("failed", None, None, None, None, checks, "a job gets nothing, so the value is not finite")
    return Verdict("infeasible", None, None, None, None, checks, "no allocation gives this policy a finite value")


def _bound(
    proofs: Sequence[float], sense: str, claimed: float | None, value: float, tolerance: float
) -> tuple[float | None, str | None]:
    """The tightest proved bound; a claim only where nothing is proved and the value does not refute it."""
    finite = [bound for bound in proofs if np.isfinite(bound)]
    if finite:
        return (min if sense == "max" else max)(finite), "proved"
    if claimed is None or not np.isfinite(claimed):
        return None, None
    beaten = (value - claimed) * (1.0 if sense == "max" else -1.0)
    return (claimed, "claimed") if beaten <= tolerance * max(abs(claimed), abs(value)) else (None, None)


def relative_gap(
    value: float, bound: float | None, *, logarithmic: bool = False, weight: Utility | None = None
) -> float | None:
    """|bound - value| / max(|bound|, tiny); for a sum of logarithms, of the geometric mean it stands for."""
    if bound is None:
        return None
    if logarithmic and weight is not None:
        return float(abs(np.expm1((value - bound) / max(float(weight.weight.sum()), TINY))))
    return abs(bound - value) / max(abs(bound), TINY) if bound != value else 0.0


def _status(gap: float | None, tolerance: float, kind: str | None) -> str:
    if gap is None:
        return "feasible"
    return "optimal" if gap <= tolerance and kind == "proved" else "bounded"


def _same_reading(policy: Policy, utility: Utility, value: float, normal: float) -> None:
    """Raise where the declaration's arithmetic and its structure differ in value or in sense."""
    if policy.sense != utility.sense:
        raise ReadingsDisagree(f"policy {policy.name!r} has sense {policy.sense!r}, its utility {utility.sense!r}")
    structural = utility.reported(normal)
    size = max(abs(value), abs(structural), 1e-12)
    if utility.p == 0 and utility.report == "same":  # logarithms cancel: what counts is the geometric mean
        size = max(size, float(utility.weight.sum()))
    if abs(value - structural) <= 1e-9 * size or not (np.isfinite(value) or np.isfinite(structural)):
        return
    raise ReadingsDisagree(f"the declaration reads {value!r} numerically and {structural!r} structurally")
