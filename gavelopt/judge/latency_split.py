"""The judge of latency splits: does every path keep its objective, what does the split cost, what is the least it could?

    budget   factor l_v(b_v) + CPU time  <=  budget_v            every stage
    path     sum of budgets along every path  <=  L              every query

For a tree the least cost is recomputed here as F_v(t), the least cost of the stages from v down within time t, a falling
staircase:  F_v(t) = min over options (time a, cost c) of stage v with a <= t of  c + sum over children u of F_u(t - a).
A graph in which stages have several parents is bounded by its tree of first parents (fewer paths to keep). Where a
staircase grows too long, times are rounded down to a coarser tick: the bound is weaker, never false.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from gavelopt.judge.certify import Multipliers
from gavelopt.judge.verdict import Verdict, relative_gap
from gavelopt.model.arrays import FloatArray, IntArray
from gavelopt.model.constraints import Check
from gavelopt.model.packing import PackingInstance
from gavelopt.model.policy import Policy
from gavelopt.model.queries import Query
from gavelopt.model.split_plan import SplitPlan, StageChoice

MOST_STEPS = 20_000  # of a staircase, before times are rounded down
Staircase = tuple[IntArray, FloatArray]


def judge_split(
    instance: PackingInstance, policy: Policy, plan: SplitPlan, multipliers: Multipliers | None, tolerance: float
) -> Verdict:
    """Grade a latency split: fractional GPUs (or their cost), held against the exact optimum of every tree."""
    factor, minimise = int(getattr(policy, "factor", 2)), str(getattr(policy, "minimise", "gpus"))
    price = instance.price(minimise) / 1e6
    checks = _check(instance, plan, factor)
    broken = [check for check in checks if not check.passed]
    if broken:
        words = ", ".join(f"{c.name} by {c.residual:.3g} at {c.worst}" for c in broken)
        return Verdict("failed", None, None, None, None, checks, f"the answer violates {words}")
    value = float(
        sum(
            float(gpus) * price[chosen.accelerator]
            for stages, used in zip(plan.choices, plan.gpus(instance), strict=True)
            for chosen, gpus in zip(stages, used, strict=True)
        )
    )
    bound = float(sum(split_bound(instance, query, factor, price) for query in instance.queries))
    bound = value if abs(bound - value) <= 1e-9 * max(abs(value), 1e-300) else bound
    gap = relative_gap(value, bound)
    return Verdict(
        "optimal" if gap is not None and gap <= tolerance else "bounded", value, bound, "proved", gap, checks
    )


def _check(instance: PackingInstance, plan: SplitPlan, factor: int) -> tuple[Check, ...]:
    if len(plan.choices) != len(instance.queries):
        return (Check("queries", float("inf"), 0.0, f"{len(plan.choices)} of {len(instance.queries)}"),)
    worst = {"batch": (0.0, ""), "budget": (0.0, ""), "path": (0.0, "")}

    def note(name: str, violation: float, place: str) -> None:
        worst[name] = max(worst[name], (violation, place))

    for query, stages in zip(instance.queries, plan.choices, strict=True):
        if len(stages) != len(query.stages):
            note("batch", 1.0, query.name)
            continue
        for at, chosen in enumerate(stages):
            needed = _time_needed(instance, query, at, chosen, factor)
            place = f"{query.name}/{query.stages[at].name}"
            note("batch", float(needed is None), place)
            if needed is not None:
                note("budget", (needed - chosen.budget_us) / max(needed, 1), place)
        slo = int(query.slo_ms * 1000 + 1e-6)
        longest = query.longest_path(np.array([chosen.budget_us for chosen in stages]))
        note("path", (longest - slo) / slo, query.name)
    return tuple(
        Check(name, max(violation, 0.0), 0.0, place if violation > 0 else None)
        for name, (violation, place) in worst.items()
    )


def _time_needed(instance: PackingInstance, query: Query, at: int, chosen: StageChoice, factor: int) -> int | None:
    """factor l(b) + CPU time in microseconds; None for a type or batch that does not exist."""
    if not 0 <= chosen.accelerator < len(instance.gpus):
        return None
    model = query.stages[at].model
    curve = instance.curve_of(model, chosen.accelerator)
    if curve is None or not 1 <= chosen.batch <= len(curve):
        return None
    return factor * curve.latency(chosen.batch) + instance.cpu_us(model, chosen.accelerator)


def split_bound(instance: PackingInstance, query: Query, factor: int, price: FloatArray) -> float:
    """The least cost of a query, exact for trees; +inf where no split keeps the objective."""
    slo = int(query.slo_ms * 1000 + 1e-6)
    below: list[list[int]] = [[] for _ in query.stages]
    for at, parents in enumerate(query.parents):
        for parent in parents[:1]:
            below[parent].append(at)
    stairs: dict[int, Staircase] = {}
    for at in range(len(query.stages) - 1, -1, -1):
        own = _options(instance, query, at, factor, price)
        stairs[at] = _pareto(*_then(own, _together([stairs.pop(child) for child in below[at]])), slo)
    last = [steps[1][-1] if len(steps[1]) else np.inf for steps in stairs.values()]
    return float(sum(last))


def _options(instance: PackingInstance, query: Query, at: int, factor: int, price: FloatArray) -> Staircase:
    times, costs = [], []
    model, rate = query.stages[at].model, query.stage_rps[at]
    for t in range(len(price)):
        curve = instance.curve_of(model, t)
        if curve is not None:
            batches = np.arange(1, len(curve) + 1)
            times.append(factor * curve.latency_us + instance.cpu_us(model, t))
            costs.append(price[t] * float(Fraction(rate)) * curve.latency_us / (batches * 1e6))
    return _pareto(np.concatenate(times), np.concatenate(costs), int(query.slo_ms * 1000 + 1e-6))


def _pareto(time: IntArray, cost: FloatArray, slo: int) -> Staircase:
    """The falling staircase under the points within ``slo``."""
    within = time <= slo
    time, cost = time[within], cost[within]
    order = np.lexsort((cost, time))
    time, cost = time[order], cost[order]
    before = np.append(np.inf, np.minimum.accumulate(cost)[:-1]) if len(cost) else cost
    return time[cost < before], cost[cost < before]


def _together(stairs: list[Staircase]) -> Staircase:
    """The sum of staircases at equal times: children that start together."""
    if not stairs:
        return np.zeros(1, dtype=np.int64), np.zeros(1)
    times = np.unique(np.concatenate([time for time, _ in stairs]))
    total = np.zeros(len(times))
    for time, cost in stairs:
        total += np.append(np.inf, cost)[np.searchsorted(time, times, side="right")]
    return times[np.isfinite(total)], total[np.isfinite(total)]


def _then(first: Staircase, second: Staircase) -> Staircase:
    """All sums of a step of one and a step of the other."""
    (a, c), (b, d) = first, second
    while len(b) > MOST_STEPS:
        tick = 2 * int(b[-1]) // MOST_STEPS + 1
        b, d = _pareto(b // tick * tick, d, int(b[-1]))
    return (a[:, None] + b[None, :]).ravel(), (c[:, None] + d[None, :]).ravel()
