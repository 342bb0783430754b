"""The judge of packings: does every request meet its objective, is every rate served, and how far from the best is it?

A plan is duty cycles (see model/packing_plan.py). In whole microseconds and exact fractions, for every GPU:

    batch        every batch is one the profile has
    duty cycle   sum_k l_k(b_k) <= d
    latency      d + l_k(b_k) <= L_k
    memory       sum_k memory_k(b_k) <= what the GPU has, where that is known
    rate         sum over GPUs of b_k / d >= R_k
    capacity     GPUs in use <= those there are
    unsplit      (that variant only) the whole GPUs of the first phase, and at most one GPU more for each session

No tolerance: each test is between integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from gavelopt.judge.certify import Multipliers
from gavelopt.judge.latency_split import judge_split
from gavelopt.judge.packing_bounds import packing_bounds
from gavelopt.judge.verdict import Verdict, relative_gap
from gavelopt.model.constraints import Check
from gavelopt.model.packing import MICRO, PackingInstance
from gavelopt.model.packing_plan import DutyCycle, PackingPlan, saturate
from gavelopt.model.policy import Policy
from gavelopt.model.split_plan import SplitPlan


def judge_plan(
    instance: PackingInstance, policy: Policy, plan: Any, multipliers: Multipliers | None, tolerance: float
) -> Verdict:
    """Grade a packing plan, or a latency split, by its instance and policy alone."""
    if isinstance(plan, SplitPlan):
        return judge_split(instance, policy, plan, multipliers, tolerance)
    if not isinstance(plan, PackingPlan):
        return Verdict("failed", None, None, None, None, (), f"not a packing plan: {type(plan).__name__}")
    variant, minimise = getattr(policy, "variant", "split"), getattr(policy, "minimise", "gpus")
    checks = check_packing(instance, plan, variant, minimise)
    broken = [check for check in checks if not check.passed]
    if broken:
        words = ", ".join(f"{c.name} by {c.residual:.3g} at {c.worst}" for c in broken)
        return Verdict("failed", None, None, None, None, checks, f"the answer violates {words}")
    value = float(Fraction(int(plan.per_type @ instance.price(minimise)), MICRO))
    bounds = packing_bounds(instance, minimise, variant, multipliers, value)
    bound = max(bounds.values())
    gap = relative_gap(value, bound)
    status = "optimal" if gap is not None and gap <= tolerance else "bounded"
    return Verdict(status, value, bound, "proved", gap, checks)


def check_packing(
    instance: PackingInstance, plan: PackingPlan, variant: str = "split", minimise: str = "gpus"
) -> tuple[Check, ...]:
    """Every named constraint; the residual is the worst relative violation, and the limit is 0."""
    if plan.sessions != instance.sessions.names or plan.accelerators != instance.accelerators:
        return (Check("axes", float("inf"), 0.0, "the plan is of another instance"),)
    shape = _worst("batch", [(_malformed(instance, cycle), _name(instance, cycle)) for cycle in plan.cycles])
    if not shape.passed:
        return (shape,)
    cycle_time, latency, memory = [], [], []
    for cycle in plan.cycles:
        taken, held = _taken(instance, cycle)
        cycle_time.append((Fraction(sum(taken) - cycle.duty_us, cycle.duty_us), _name(instance, cycle)))
        limit = int(instance.memory_bytes[cycle.accelerator])
        memory.append((Fraction(sum(held) - limit, limit), _name(instance, cycle)))
        for k, spent in zip(cycle.sessions, taken, strict=True):
            budget = int(instance.budget_us[k, cycle.accelerator])
            latency.append((Fraction(cycle.duty_us + spent - budget, max(budget, 1)), instance.sessions.names[k]))
    found = [shape, _worst("duty cycle", cycle_time), _worst("latency", latency), _worst("memory", memory)]
    found.append(_rates(instance, plan))
    over = np.maximum(plan.per_type - instance.count, 0.0)
    found.append(_worst("capacity", list(zip(over.tolist(), instance.accelerators, strict=True))))
    if variant == "unsplit":
        found.append(_unsplit(instance, plan, minimise))
    return tuple(found)


def _worst(name: str, violations: Sequence[tuple[Any, str]]) -> Check:
    largest, place = max(violations, key=lambda pair: pair[0], default=(0, ""))
    residual = max(float(largest), 5e-324) if largest > 0 else 0.0  # a violation never rounds to none
    return Check(name, residual, 0.0, place if largest > 0 else None)


def _name(instance: PackingInstance, cycle: DutyCycle) -> str:
    known = [k for k in cycle.sessions if 0 <= k < len(instance.sessions)]
    return "GPU of " + ", ".join(instance.sessions.names[k] for k in known[:3]) + (", ..." if len(known) > 3 else "")


def _malformed(instance: PackingInstance, cycle: DutyCycle) -> float:
    """1 for a cycle that is no duty cycle at all: an unknown session, a batch the profile lacks, nothing in it."""
    whole = (cycle.accelerator, cycle.duty_us, cycle.count, *cycle.sessions, *cycle.batches)
    if not all(isinstance(number, int) for number in whole) or len(cycle.sessions) != len(cycle.batches):
        return 1.0
    if not (0 <= cycle.accelerator < len(instance.gpus) and cycle.duty_us > 0 and cycle.count > 0 and cycle.sessions):
        return 1.0
    if len(set(cycle.sessions)) < len(cycle.sessions):
        return 1.0
    for k, batch in zip(cycle.sessions, cycle.batches, strict=True):
        curve = instance.curve(k, cycle.accelerator) if 0 <= k < len(instance.sessions) else None
        if curve is None or not 1 <= batch <= len(curve):
            return 1.0
    return 0.0


def _taken(instance: PackingInstance, cycle: DutyCycle) -> tuple[list[int], list[int]]:
    """Time and memory of each member."""
    time, memory = [], []
    for k, batch in zip(cycle.sessions, cycle.batches, strict=True):
        curve = instance.curve(k, cycle.accelerator)
        assert curve is not None
        time.append(curve.latency(batch))
        memory.append(int(curve.memory_bytes[batch - 1]))
    return time, memory


def _rates(instance: PackingInstance, plan: PackingPlan) -> Check:
    served = [Fraction(0)] * len(instance.sessions)
    for cycle in plan.cycles:
        for at, k in enumerate(cycle.sessions):
            served[k] += cycle.rate_urps(at) * cycle.count
    wanted = instance.sessions.rate_urps
    short = [((int(wanted[k]) - served[k]) / max(int(wanted[k]), 1), k) for k in range(len(served))]
    worst, at = max(short, default=(Fraction(0), 0))
    return _worst("rate", [(worst, instance.sessions.names[at])] if short else [])


def _unsplit(instance: PackingInstance, plan: PackingPlan, minimise: str) -> Check:
    """Each session on the whole GPUs that its first phase gives it, and on at most one GPU more for a residual."""
    phase = saturate(instance, instance.price(minimise))
    alone = np.zeros(phase.whole.shape, dtype=np.int64)
    touched = np.zeros(len(instance.sessions), dtype=np.int64)
    for cycle in plan.cycles:
        touched[list(cycle.sessions)] += cycle.count
        if len(cycle.sessions) == 1:
            alone[cycle.sessions[0], cycle.accelerator] += cycle.count
    lacking = np.maximum(phase.whole - alone, 0).sum(axis=1)
    extra = np.maximum(touched - phase.whole.sum(axis=1) - (phase.residual_urps > 0), 0)
    bad = lacking + extra
    return _worst("unsplit", list(zip(bad.tolist(), instance.sessions.names, strict=True)))
