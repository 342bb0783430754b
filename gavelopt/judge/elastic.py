"""The judge of elastic plans: is the placement possible, what is its fitness, how far can it be from the best?

The plan is a (J, N) matrix of GPUs. Checked, each to the last GPU: whole numbers, node capacity, one accelerator type a
job, a configuration that the job's limits allow, jobs that may not be moved, and (where the policy says so) at most one
distributed job on a node. Goodput is computed again from the model; value from the declaration; bounds from the prices
offered (``elastic_bounds.py``).
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from gavelopt.judge.certify import Multipliers
from gavelopt.judge.check import value_of
from gavelopt.judge.elastic_bounds import NodePrices, crowded, fitness_bounds
from gavelopt.judge.elastic_search import searched_bound
from gavelopt.judge.verdict import Verdict, relative_gap
from gavelopt.labels import Labels
from gavelopt.model.arrays import FloatArray, IntArray
from gavelopt.model.constraints import Check
from gavelopt.model.elastic import ElasticInstance
from gavelopt.model.policy import Policy
from gavelopt.model.speedups import Speedups, mean_of


class FitnessPolicy(Protocol):
    """What the judge asks of a policy for elastic jobs."""

    @property
    def p(self) -> float: ...
    @property
    def unallocated(self) -> float: ...
    @property
    def one_distributed_per_node(self) -> bool: ...
    def speedups(self, instance: ElasticInstance) -> Speedups: ...


def judge_plan(
    instance: ElasticInstance, policy: Any, plan: Any, multipliers: Multipliers | None, tolerance: float
) -> Verdict:
    """Grade a (J, N) plan by its instance and policy (a ``FitnessPolicy`` that is a ``Policy``) alone."""
    matrix = np.asarray(plan, dtype=np.float64) if plan is not None else np.zeros(0)
    if matrix.shape != (len(instance.jobs), instance.nodes):
        seen = f"shape {matrix.shape}, not ({len(instance.jobs)}, {instance.nodes})"
        return Verdict("failed", None, None, None, None, (), f"not a plan of this instance: {seen}")
    if not len(instance.jobs):
        return Verdict("optimal", 0.0, 0.0, "proved", 0.0, ())
    speedups = policy.speedups(instance)
    checks = check_plan(instance, speedups, policy.one_distributed_per_node, matrix)
    broken = [check for check in checks if not check.passed]
    if broken:
        words = ", ".join(f"{c.name} by {c.residual:.3g} at {c.worst}" for c in broken)
        return Verdict("failed", None, None, None, None, checks, f"the answer violates {words}")
    return _graded(speedups, policy, matrix.astype(np.int64), multipliers, tolerance, checks)


def _graded(
    speedups: Speedups,
    policy: Any,
    plan: IntArray,
    multipliers: Multipliers | None,
    tolerance: float,
    checks: tuple[Check, ...],
) -> Verdict:
    value = _value(policy, plan, speedups)
    bounds = fitness_bounds(speedups, policy.p, policy.unallocated, policy.one_distributed_per_node, multipliers)
    name, bound = min(bounds.items(), key=lambda item: item[1])
    gap = relative_gap(value, bound)
    if gap is not None and gap > tolerance:
        proved = _searched(policy, speedups, plan, multipliers, value)
        if proved is not None:
            name, bound, gap = "search below the prices", proved, relative_gap(value, proved)
    status = "optimal" if gap is not None and gap <= tolerance else "bounded"
    return Verdict(status, value, bound, "proved", gap, checks, f"best bound: {name}")


def _searched(
    policy: FitnessPolicy, speedups: Speedups, plan: IntArray, given: Multipliers | None, value: float
) -> float | None:
    """The optimum itself, where a short search of what the prices leave open finds it."""
    if not isinstance(given, NodePrices):
        return None
    apart, epsilon = policy.one_distributed_per_node, policy.unallocated
    total = searched_bound(speedups, policy.p, epsilon, apart, given, plan)
    if total is None or policy.p == -np.inf:
        return None if total is None else value
    return max(value, given.unit * mean_of(total / len(plan), policy.p))


def _value(policy: Policy, plan: IntArray, speedups: Speedups) -> float:
    """The declaration, read at the goodput that counts: after the loss that a restart costs."""
    instance: Any = speedups.instance  # a View speaks of any kind of instance
    return value_of(policy, instance, instance.allocation(plan).space, speedups.counted_goodput(plan))


def check_plan(instance: ElasticInstance, speedups: Speedups, apart: bool, plan: FloatArray) -> tuple[Check, ...]:
    """Every named constraint of a (J, N) plan; the residual is a number of GPUs, nodes or jobs, and the limit is 0."""
    names, nodes = instance.jobs.names, instance.node_names
    whole = np.where(np.isfinite(plan), np.maximum(np.rint(plan), 0), 0).astype(np.int64)
    used = whole > 0
    low = np.where(used, instance.node_type[None, :], len(instance.cluster)).min(axis=1, initial=len(instance.cluster))
    high = np.where(used, instance.node_type[None, :], -1).max(axis=1, initial=-1)
    checks = [
        _check("whole GPUs", np.nan_to_num(np.abs(plan - whole), nan=np.inf).max(axis=1, initial=0.0), names),
        _check("capacity", whole.sum(axis=0) - instance.node_gpus, nodes),
        _check("one type", np.maximum(high - low, 0), names),
        _check("configuration", np.isnan(speedups.of_plan(whole)), names),
    ]
    if instance.pinned.any() and instance.current is not None:
        moved = np.abs(whole - instance.current).sum(axis=1) * instance.pinned
        checks.append(_check("not to be moved", moved, names))
    if apart:
        checks.append(_check("one distributed job a node", crowded(whole), nodes))
    return tuple(checks)


def _check(name: str, violation: Any, labels: Labels) -> Check:
    amount = np.asarray(violation, dtype=np.float64)
    worst = float(max(amount.max(initial=0.0), 0.0))
    return Check(name, worst, 0.0, labels[int(np.argmax(amount))] if worst > 0 else None)
