"""For tests of policies, ours and anyone's: random instances, and what every policy and method must satisfy.

    from gavelopt.testing import check_policy_contract

    def test_my_policy():
        check_policy_contract("my_policy")

A policy that is registered is tested through ``go.policies()`` without further test code. Needs ``hypothesis``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gavelopt.engine.problem import Problem
from gavelopt.engine.registry import methods_of, resolve
from gavelopt.engine.solve import solve
from gavelopt.judge.check import value_of
from gavelopt.judge.verdict import relative_gap
from gavelopt.model.arrays import FloatArray
from gavelopt.model.cluster import Cluster
from gavelopt.model.instance import Entity, Instance
from gavelopt.model.jobs import JobSet
from gavelopt.model.policy import Policy
from gavelopt.model.solution import STATUSES, Solution
from gavelopt.model.throughput import ThroughputTable

TYPES = ("v100", "p100", "k80", "a100")
TOLERANCE = 1e-6
COUNTS = (0.0, 1.0, 2.0, 2.5, 4.0, 7.0, 36.0, 1e4)


def _magnitudes(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers spread evenly over the orders of magnitude 10^low to 10^high."""
    return st.floats(low, high, allow_nan=False).map(lambda e: float(10.0**e))


def _some(count: int, values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=count, max_size=count)


@st.composite
def instances(
    draw: st.DrawFn,
    *,
    min_jobs: int = 0,
    max_jobs: int = 6,
    max_types: int = 4,
    decades: float = 6.0,
    gangs: tuple[int, ...] = (1, 1, 2, 4, 8),
) -> Instance:
    """Small instances with everything that goes wrong: ties, zeros, unknown cells, gangs too large, idle types.

    Rates span 10^-decades to 10^decades; every column of the job set that a policy may ask for is filled. One type is
    always called v100, the reference of Gavel's agnostic policies.
    """
    types = draw(st.integers(1, max_types))
    names = draw(st.permutations(TYPES[:types]))
    holes = draw(st.booleans())
    count = draw(_some(types, st.sampled_from(COUNTS if holes else COUNTS[1:])))
    kinds = draw(st.integers(1, max(1, max_jobs)))
    span = draw(st.sampled_from((1.0, decades)))
    cell = _magnitudes(-span, span)
    if holes:
        cell = st.one_of(cell, st.sampled_from((1.0, 0.0, float("nan"))))
    table = draw(_some(kinds, _some(types, cell)))
    jobs = draw(st.integers(min_jobs, max_jobs))
    kind = draw(_some(jobs, st.integers(0, kinds - 1)))
    weight = st.sampled_from((1.0, 5.0, 0.3)) if span == 1.0 else _magnitudes(-decades / 2, decades / 2)
    columns: dict[str, Any] = {
        "scale_factor": draw(_some(jobs, st.sampled_from(gangs))),
        "weight": draw(_some(jobs, weight)),
        "steps": draw(_some(jobs, st.one_of(_magnitudes(0, 8), st.sampled_from((1e3, 0.0))))),
        "arrival_s": 60.0 * np.arange(jobs),  # queues know who was first, however the jobs are listed
        "elapsed_s": draw(_some(jobs, st.sampled_from((0.0, 0.0, 360.0, 1e5)))),
        "isolated_elapsed_s": draw(_some(jobs, st.sampled_from((0.0, 60.0, 1e4)))),
        "deadline_s": draw(_some(jobs, st.sampled_from((float("nan"), 1e6, 1e9)))),
        "entity": draw(_some(jobs, st.sampled_from(("red", "blue")))),
    }
    job_set = JobSet(jobs, **columns)
    cost = draw(_some(types, st.sampled_from((0.135, 0.74, 2.48))))
    rates = np.array([table[k] for k in kind], dtype=np.float64).reshape(jobs, types)
    entities = (Entity("red"), Entity("blue", weight=2.0, policy="fifo"))
    return Instance(Cluster(names, count, cost), job_set, ThroughputTable(rates, job_set.names, names), entities)


@dataclass(frozen=True, eq=False)
class Case:
    """One policy on one instance, with its solutions by every method."""

    policy: Policy
    instance: Instance
    solutions: Mapping[str, Solution] = field(default_factory=dict)

    @classmethod
    def of(cls, policy: Policy, instance: Instance) -> Case:
        names = methods_of(policy)
        return cls(policy, instance, {name: solve(instance, policy, method=name) for name in names})

    @property
    def problem(self) -> Problem:
        return Problem(self.instance, self.policy)

    def exact(self) -> list[Solution]:
        """The solutions that must be the optimum (or the closed form itself)."""
        return [s for s in self.solutions.values() if s.guarantee in ("exact", "rule")]

    def elsewhere(self, instance: Instance) -> list[tuple[Solution, Solution]]:
        """Each exact solution here beside that of the same method on another instance."""
        return [(s, solve(instance, self.policy, method=s.method)) for s in self.exact()]

    def gap(self, a: float, b: float) -> float:
        """How far apart two values are; for a sum of logarithms, of the geometric means."""
        utility = self.problem.utility
        logarithmic = utility is not None and utility.p == 0 and utility.report == "same"
        if logarithmic:
            return float(relative_gap(a, b, logarithmic=True, weight=utility) or 0.0)
        return abs(a - b) / max(abs(a), abs(b), 1e-300)

    def better(self, a: float, b: float) -> bool:
        """Whether value ``a`` beats value ``b`` by more than rounding."""
        return (a > b if self.policy.sense == "max" else a < b) and self.gap(a, b) > TOLERANCE


def judged_well(case: Case) -> None:
    """Every answer is feasible, its status is earned, and an exact method certifies the optimum."""
    for s in case.solutions.values():
        assert s.status in STATUSES, s
        assert s.status != "failed" or s.guarantee == "heuristic", f"{s!r}: {s.message}"
        if s.value is None:
            assert s.allocation is None
            assert s.message, "an answer that is missing needs a reason"
            continue
        assert np.isfinite(s.value)
        assert all(check.passed for check in s.checks)
        assert s.allocation is not None
        _fits(case.instance, s.allocation.matrix)
        if s.status == "optimal":
            assert s.bound_kind == "proved"
            assert s.gap is not None
            assert s.gap <= TOLERANCE
    proved = case.problem.utility is not None or case.policy.rule(case.instance) is not None
    for s in case.exact():
        assert s.status in (("optimal", "infeasible") if proved else ("optimal", "bounded", "infeasible")), (
            f"{s!r}: {s.message} {s.attempts}"
        )


def _fits(instance: Instance, matrix: FloatArray) -> None:
    """Time and capacity of the matrix that a user sees, for columns of single jobs."""
    scale, count = instance.jobs.scale_factor.astype(float), instance.cluster.count
    assert matrix.min(initial=0.0) >= -1e-7
    assert (matrix.sum(axis=1) <= 1.0 + 1e-7).all()
    assert (scale @ matrix <= count * (1.0 + 1e-7) + 1e-7).all()
    assert not matrix[~instance.usable].any()


def ordered(case: Case) -> None:
    """heuristic <= exact <= bound (for costs the other way round), for every pair of methods."""
    for s in case.solutions.values():
        if s.value is None:
            continue
        for other in case.solutions.values():
            if other.bound is not None and other.bound_kind == "proved":
                assert not case.better(s.value, other.bound), f"{s!r} beats the bound of {other!r}"
        for best in case.exact():
            assert best.status != "infeasible" or s.status == "infeasible", (
                f"{s!r} solves what {best!r} calls infeasible"
            )
            if best.status == "optimal":
                assert best.value is not None
                assert not case.better(s.value, best.value), f"{s!r} beats {best!r}"


def order_and_names_do_not_matter(case: Case) -> None:
    """Permuting and renaming jobs, and permuting types, changes nothing."""
    instance, jobs = case.instance, len(case.instance.jobs)
    order = np.random.default_rng(jobs).permutation(jobs)
    moved = instance.take(order.tolist())
    types = list(reversed(list(instance.cluster.accelerators)))
    at = [instance.cluster.accelerators.index(name) for name in types]
    cost = instance.cluster.cost_per_hour
    columns = {name: getattr(moved.jobs, name) for name in JobSet.COLUMNS}
    renamed = JobSet([f"job {i}" for i in range(jobs)], **columns, entity=moved.jobs.entity)
    rates = np.where(moved.throughputs.known_cells, moved.throughputs.rates, np.nan)[:, at]
    other = Instance(
        Cluster(types, instance.cluster.count[at], None if cost is None else cost[at]),
        renamed,
        ThroughputTable(rates, renamed.names, types),
        instance.entities,
    )
    for here, there in case.elsewhere(other):
        _same(case, here, there)


def an_absent_type_changes_nothing(case: Case) -> None:
    """A type of which there is none is worth nothing, however fast it would be."""
    instance = case.instance
    cluster = instance.cluster
    names = [*cluster.accelerators, "phantom"]
    cost = None if cluster.cost_per_hour is None else [*cluster.cost_per_hour, 0.01]
    table = instance.throughputs
    rates = np.column_stack([np.where(table.known_cells, table.rates, np.nan), np.full(len(instance.jobs), 1e9)])
    other = instance.replace(
        cluster=Cluster(names, [*cluster.count, 0.0], cost), throughputs=ThroughputTable(rates, table.jobs, names)
    )
    for here, there in case.elsewhere(other):
        _same(case, here, there)
        if there.allocation is not None:
            assert not there.allocation.matrix[:, -1].any()


def more_capacity_never_hurts(case: Case) -> None:
    """On a larger cluster the new optimum is at least as good as the old answer judged there (references move too)."""
    if case.policy.rule(case.instance) is not None or case.problem.utility is None:
        return
    for position, name in enumerate(case.instance.cluster.accelerators):
        larger = case.instance.adding({name: 1.0 + position})
        problem = Problem(larger, case.policy)
        for here, there in case.elsewhere(larger):
            if here.allocation is None:
                continue
            assert there.value is not None, f"{there!r} on more capacity: {there.message}"
            rates = problem.space.rate(here.allocation.x)
            old = value_of(case.policy, larger, problem.space, rates)
            if np.isfinite(old):
                assert not Case(case.policy, larger).better(old, there.value), f"{here!r} beats {there!r}"


def merging_changes_nothing(case: Case) -> None:
    """Identical jobs are merged inside; the value is that of the unmerged problem."""
    for name, method in methods_of(case.policy).items():
        if "aggregate" in method.options:
            _same(case, case.solutions[name], solve(case.instance, case.policy, method=name, aggregate=False))


def prices_are_sound(case: Case) -> None:
    """Prices never reward taking capacity away, and the two one-sided values enclose the price."""
    for s in case.exact():
        if s.prices is None:
            continue
        sign = 1.0 if case.policy.sense == "max" else -1.0
        price = sign * s.prices.per_accelerator
        assert (price >= 0).all()
        if s.prices.sides is not None:
            sides = sign * s.prices.sides
            room = 1e-4 * max(float(np.abs(price).max(initial=0.0)), 1e-300)
            assert (sides[:, 0] <= price + room).all(), (s.prices.sides, s.prices.per_accelerator)
            assert (sides[:, 1] >= price - room).all(), (s.prices.sides, s.prices.per_accelerator)


def repeatable(case: Case) -> None:
    """The same question has the same answer, to the last bit."""
    for name, s in case.solutions.items():
        again = solve(case.instance, case.policy, method=name)
        assert again.value == s.value
        if s.allocation is not None and again.allocation is not None:
            assert np.array_equal(s.allocation.x, again.allocation.x)


def plenty_is_enough(case: Case) -> None:
    """On a cluster larger than all demand every optimum is every job at its fastest."""
    if case.policy.rule(case.instance) is not None or case.problem.utility is None or case.problem.floors:
        return
    need = 1.0 + float(case.instance.jobs.scale_factor.sum())
    abundant = case.instance.replace(
        cluster=case.instance.cluster.with_count(np.maximum(case.instance.cluster.count, need))
    )
    problem = Problem(abundant, case.policy)
    best = value_of(case.policy, abundant, problem.space, problem.space.ceiling)
    for s in (solve(abundant, case.policy, method=s.method) for s in case.exact()):
        if np.isfinite(best):
            assert s.value is not None, f"{s!r}: {s.message}"
            assert Case(case.policy, abundant).gap(s.value, best) <= TOLERANCE, f"{s!r} instead of {best}"
        else:
            assert s.status == "infeasible", f"{s!r} where even {best} is not finite"


def nothing_to_share(case: Case) -> None:
    """Without accelerators there is an answer or a reason, and nobody gets time."""
    empty = case.instance.replace(cluster=case.instance.cluster.with_count(np.zeros(len(case.instance.cluster))))
    for s in Case.of(case.policy, empty).solutions.values():
        assert s.value is not None or s.message
        assert s.allocation is None or not s.allocation.matrix.any()


def _same(case: Case, here: Solution, there: Solution) -> None:
    assert (here.value is None) == (there.value is None), f"{here!r} and {there!r}: {here.message} {there.message}"
    if here.value is not None and there.value is not None:
        assert case.gap(here.value, there.value) <= TOLERANCE, f"{here!r} and {there!r}"


CONTRACT: tuple[Callable[[Case], None], ...] = (
    judged_well,
    ordered,
    order_and_names_do_not_matter,
    an_absent_type_changes_nothing,
    more_capacity_never_hurts,
    merging_changes_nothing,
    prices_are_sound,
    repeatable,
    plenty_is_enough,
    nothing_to_share,
)


def check_policy_contract(
    policy: str | Policy,
    *,
    properties: tuple[Callable[[Case], None], ...] = CONTRACT,
    examples: int = 25,
    decades: float = 6.0,
    gangs: tuple[int, ...] = (1, 1, 2, 4, 8),
    **options: Any,
) -> None:
    """Hold every method of a training policy to the contract, on random instances with scale factors from ``gangs``.

    Raises AssertionError with the smallest instance found that breaks one of the ``properties``.
    """
    chosen, left = resolve(policy, options)
    assert not left, f"not parameters of {chosen.name}: {sorted(left)}"

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(instances(decades=decades, gangs=gangs))
    def holds(instance: Instance) -> None:
        case = Case.of(chosen, instance)
        for rule in properties:
            rule(case)

    holds()
