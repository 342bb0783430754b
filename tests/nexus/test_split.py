"""Split packings, inverse questions, re-planning."""

from __future__ import annotations

import numpy as np
import pytest

import gavelopt as go
from formulations.nexus.families import random_instance
from formulations.nexus.inverse import largest_scale, session_costs, tightest_slo
from formulations.nexus.squishy import Squishy
from tests.nexus.instances import abc, lecture, linear

SPLIT = Squishy(variant="split")


def loads(instance: go.PackingInstance, old: go.PackingPlan, new: go.PackingPlan) -> int:
    """Models to load when every new GPU takes the place of the old one that has most of its sessions; by brute force."""
    from itertools import permutations

    def gpus(plan: go.PackingPlan) -> list[set[int]]:
        return [set(cycle.sessions) for cycle in plan.cycles for _ in range(cycle.count)]

    before, after = gpus(old), gpus(new)
    before += [set()] * max(len(after) - len(before), 0)
    return min(
        sum(len(s - before[j]) for s, j in zip(after, order, strict=True))
        for order in permutations(range(len(before)), len(after))
    )


def test_splitting_saves_a_gpu_where_residuals_are_large() -> None:
    """Three residuals of two thirds of a GPU fit no two GPUs unless one of them is on both."""
    instance = linear([66, 66, 66], [2000] * 3, [10.0] * 3, [0.0] * 3, batches=90)
    whole, split = go.solve(instance, "squishy"), go.solve(instance, SPLIT)
    assert (whole.value, split.value) == (3, 2)
    assert split.status == "optimal"
    assert all(check.passed for check in split.checks)


@pytest.mark.parametrize(("count", "value"), [(2, 2), (1, None)])
def test_splitting_serves_where_whole_residuals_do_not_fit(count: int, value: float | None) -> None:
    instance = linear([66, 66, 66], [2000] * 3, [10.0] * 3, [0.0] * 3, batches=90, gpus=[go.GpuType("gpu", count)])
    assert go.solve(instance, "squishy").status == "infeasible"
    split = go.solve(instance, SPLIT)
    assert (split.value, split.status) == (value, "optimal" if value else "infeasible")


@pytest.mark.parametrize("seed", range(5))
def test_bounds_split_unsplit_and_greedy_come_in_this_order(seed: int) -> None:
    instance = random_instance(6, ("residual", "low")[seed % 2], seed)
    bound = go.packing.packing_bounds(instance, "gpus", "split")
    split = go.solve(instance, SPLIT)
    values = [go.solve(instance, "squishy", method=m).value for m in ("exact", "knapsack", "greedy")]
    assert bound["utilisation"] <= bound["occupancy"] <= split.bound <= split.value
    assert split.value <= values[0] <= min(values[1:])


def test_cpsat_answers_the_same_on_split() -> None:
    for seed in range(3):
        instance = random_instance(5, "residual", seed)
        assert go.solve(instance, SPLIT, method="cpsat").value == go.solve(instance, SPLIT).value


def test_more_rate_or_less_time_never_needs_fewer_gpus_when_split_is_exact() -> None:
    """A theorem for split (the old plan stays feasible); the greedy breaks it, so it is asserted of exact alone."""
    rng = np.random.default_rng(0)
    for seed in range(4):
        instance = random_instance(4, "residual", seed)
        before = go.solve(instance, SPLIT)
        k = int(rng.integers(4))
        more, less = instance.sessions.rate_rps.copy(), instance.sessions.slo_ms.copy()
        more[k] *= 1.7
        less[k] *= 0.6
        for sessions in (instance.sessions.replace(rate_rps=more), instance.sessions.replace(slo_ms=less)):
            after = go.solve(instance.replace(sessions=sessions), SPLIT)
            if after.status == "infeasible":
                continue
            assert before.status == after.status == "optimal"
            assert after.value >= before.value


def test_the_largest_scale_of_the_lectures_model() -> None:
    """Ten GPUs carry 1250 of its 1100 requests a second."""
    factor = largest_scale(lecture(), 10, precision=1e-4)
    assert factor.possible <= 1250 / 1100 <= factor.impossible * (1 + 1e-9)
    assert factor.impossible / factor.possible < 1.001
    assert factor.solution.value == 10


def test_the_tightest_objectives() -> None:
    """Two GPUs for A, B, C at the paper's objectives: one fits no faster than 2 l(1) allows."""
    instance = abc([64, 32, 32])
    factor = tightest_slo(instance, 2)
    assert factor.impossible <= factor.possible <= 1.0
    assert go.solve(_with_slo(instance, factor.possible), "squishy").value <= 2
    worse = go.solve(_with_slo(instance, factor.impossible), "squishy")
    assert worse.status == "infeasible" or worse.bound > 2
    one = tightest_slo(instance, 3, session="C")
    assert one.possible <= factor.possible


def _with_slo(instance: go.PackingInstance, factor: float) -> go.PackingInstance:
    return instance.replace(sessions=instance.sessions.replace(slo_ms=instance.sessions.slo_ms * factor))


def test_questions_that_have_no_answer() -> None:
    with pytest.raises(go.InputError, match="one accelerator type and at least one GPU"):
        largest_scale(lecture(), 0)
    with pytest.raises(go.InputError, match="no session has requests"):
        tightest_slo(abc([0, 0, 0]), 1)


def test_what_sessions_cost_adds_up_to_the_bound() -> None:
    instance = random_instance(15, "mid", 2)
    costs = session_costs(instance)
    total = sum(cost.gpus for cost in costs)
    solution = go.solve(instance, "squishy")
    assert solution.bound - 1 < total <= solution.value + 1e-6
    assert [c.per_100_rps for c in costs] == sorted((c.per_100_rps for c in costs), reverse=True)
    for cost in costs:
        peak = float(instance.peak_rps[instance.sessions.names.index(cost.session), 0])
        assert cost.marginal_per_100_rps == pytest.approx(100 / peak)


def test_nothing_moves_when_nothing_changes() -> None:
    for family in ("residual", "mid"):
        instance = random_instance(10, family, 1)
        old = go.solve(instance, "squishy").plan
        again = go.solve(instance, "squishy", method="replan", previous=old)
        assert again.details["moves"] == 0
        assert again.value == old.gpus


@pytest.mark.parametrize("seed", range(4))
def test_replanning_moves_least_among_the_smallest(seed: int) -> None:
    instance = random_instance(7, "residual", seed)
    old = go.solve(instance, "squishy").plan
    rng = np.random.default_rng(seed)
    today = instance.replace(
        sessions=instance.sessions.replace(rate_rps=instance.sessions.rate_rps * rng.uniform(0.6, 1.6, 7))
    )
    fresh = go.solve(today, "squishy")
    new = go.solve(today, "squishy", method="replan", previous=old)
    assert new.value == fresh.value
    assert new.details["moves_bound"] <= new.details["moves"] == loads(today, old, new.plan)
    assert new.details["moves"] <= loads(today, old, fresh.plan)


def test_a_plan_to_start_from_must_be_one() -> None:
    with pytest.raises(go.InputError, match="not a packing plan"):
        go.solve(abc([64, 32, 32]), "squishy", method="replan", previous="yesterday")
    one = abc([64, 32, 32]).replace(gpus=[go.GpuType("gpu", count=1)])
    assert go.solve(one, "squishy", method="replan").status == "infeasible"


def test_sessions_come_and_go() -> None:
    instance = random_instance(8, "residual", 3)
    old = go.solve(instance.replace(sessions=instance.sessions.take(range(6))), "squishy").plan
    today = instance.replace(sessions=instance.sessions.take(range(2, 8)))
    new = go.solve(today, "squishy", method="replan", previous=old)
    assert new.value == go.solve(today, "squishy").value
    assert new.details["moves"] >= 2  # the two that are new must be loaded somewhere
