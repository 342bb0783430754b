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
from gavelopt.model.space import AllocationSpace
from gavelopt.model.utility import Utility

TINY = 1e-300


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
    checks = list(check(space, x, floors, measured.rate(x) if floors and x.shape == (space.size,) else None))
    rule = policy.rule(instance)
    if rule is not None:
        checks.append(check_rule(x.reshape(rule.shape), rule, space.jobs))
    if len(space.jobs) and all(c.passed for c in checks):
        checks.extend(policy.examine(instance, space, x, proof))
    broken = [c for c in checks if not c.passed]
    if broken:
        words = ", ".join(f"{c.name} by {c.residual:.3g} at {c.worst}" for c in broken)
        return Verdict("failed", None, None, None, None, tuple(checks), f"the answer violates {words}")
    rates = space.rate(x)
    value = value_of(policy, instance, space, rates, space.usage(x), proof)
    proofs = [] if rule is None else [value]  # a closed form has one allocation, and the check "rule" has compared it
    if utility is not None:
        proofs.append(utility.reported(upper_bound(space, utility, multipliers, floors, measured)))
    own = policy.prove(instance, space, proof) if len(space.jobs) else None
    if own is not None:
        proofs.append(own)
    bound, kind = _bound(proofs, policy.sense, claimed, empty=not len(space.jobs))
    if utility is not None and len(instance.jobs):
        _same_reading(value, utility.reported(utility.value(rates)))
    if not np.isfinite(value):
        return _infinite(space, utility, tuple(checks))
    gap = relative_gap(
        value, bound, logarithmic=utility is not None and utility.p == 0 and utility.report == "same", weight=utility
    )
    return Verdict(_status(gap, tolerance, kind), value, bound, kind, gap, tuple(checks))


def _infinite(space: AllocationSpace, utility: Utility | None, checks: tuple[Check, ...]) -> Verdict:
    """Infeasible where even every job at its ceiling gives no finite value; otherwise this answer alone is at fault."""
    if utility is not None and np.isfinite(utility.reported(utility.value(space.ceiling))):
        return Verdict("failed", None, None, None, None, checks, "a job gets nothing, so the value is not finite")
    return Verdict("infeasible", None, None, None, None, checks, "no allocation gives this policy a finite value")


def _bound(
    proofs: Sequence[float], sense: str, claimed: float | None, *, empty: bool
) -> tuple[float | None, str | None]:
    """The tightest proved bound; a claim only where nothing is proved."""
    if empty:
        return 0.0, "proved"
    finite = [bound for bound in proofs if np.isfinite(bound)]
    if finite:
        return (min if sense == "max" else max)(finite), "proved"
    return (claimed, "claimed") if claimed is not None and np.isfinite(claimed) else (None, None)


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


def _same_reading(numeric: float, structural: float) -> None:
    both_infinite = not np.isfinite(numeric) and not np.isfinite(structural)
    if both_infinite or abs(numeric - structural) <= 1e-9 * max(abs(numeric), abs(structural), 1e-12):
        return
    raise ReadingsDisagree(f"the declaration reads {numeric!r} numerically and {structural!r} structurally")
