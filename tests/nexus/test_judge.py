"""The judge refuses what breaks a rule, and no prices make it claim too much."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import gavelopt as go
from formulations.nexus.families import random_instance
from formulations.nexus.squishy import Squishy
from gavelopt.judge.packing import judge_plan
from tests.nexus.instances import abc, fewest_by_hand, linear

GOOD = [go.packing.DutyCycle(0, 125_000, (0, 1), (8, 4)), go.packing.DutyCycle(0, 125_000, (2,), (4,))]
UNSPLIT = Squishy()


def verdict(
    instance: go.PackingInstance, cycles: list[go.packing.DutyCycle], policy: Squishy = UNSPLIT
) -> tuple[str, set[str]]:
    found = judge_plan(instance, policy, go.PackingPlan(instance, cycles), None, 1e-6)
    return found.status, {check.name for check in found.checks if not check.passed}


def test_the_good_plan_passes() -> None:
    assert verdict(abc([64, 32, 32]), GOOD) == ("optimal", set())


@pytest.mark.parametrize(
    ("cycles", "broken"),
    [
        (GOOD[:1], {"rate"}),
        ([replace(GOOD[0], duty_us=124_999), GOOD[1]], {"duty cycle"}),
        ([replace(GOOD[0], duty_us=125_001), GOOD[1]], {"latency", "rate"}),
        ([replace(GOOD[0], batches=(7, 4)), GOOD[1]], {"rate"}),
        ([replace(GOOD[0], batches=(17, 4)), GOOD[1]], {"batch"}),
        ([replace(GOOD[0], batches=(0, 4)), GOOD[1]], {"batch"}),
        ([replace(GOOD[0], batches=(8,)), GOOD[1]], {"batch"}),
        ([replace(GOOD[0], sessions=(0, 0)), GOOD[1]], {"batch"}),
        ([replace(GOOD[0], sessions=(0, 3)), GOOD[1]], {"batch"}),
        ([replace(GOOD[0], accelerator=1), GOOD[1]], {"batch"}),
        ([replace(GOOD[0], duty_us=0), GOOD[1]], {"batch"}),
        ([*GOOD, GOOD[1]], {"unsplit"}),
    ],
)
def test_every_rule_is_checked(cycles: list[go.packing.DutyCycle], broken: set[str]) -> None:
    assert verdict(abc([64, 32, 32]), cycles) == ("failed", broken)


def test_one_microrequest_too_many_is_refused() -> None:
    assert verdict(abc([64.000001, 32, 32]), GOOD) == ("failed", {"rate"})


def test_memory_and_counts_are_checked() -> None:
    profile = go.BatchProfile("m", "gpu", [1, 2], [10_000, 15_000], memory_bytes=[1 << 30, 2 << 30])
    sessions = go.SessionSet(2, model=["m", "m"], rate_rps=[10, 10], slo_ms=[200, 200])
    gpu = go.GpuType("gpu", count=1, memory_gib=3)
    instance = go.PackingInstance([gpu], [profile], sessions)
    both = go.packing.DutyCycle(0, 100_000, (0, 1), (1, 1))
    assert verdict(instance, [both]) == ("optimal", set())
    assert verdict(instance, [replace(both, duty_us=150_000, batches=(2, 2))]) == ("failed", {"memory"})
    alone = [go.packing.DutyCycle(0, 100_000, (0,), (1,)), go.packing.DutyCycle(0, 100_000, (1,), (1,))]
    assert verdict(instance, alone) == ("failed", {"capacity"})


def test_a_plan_of_another_instance_is_refused() -> None:
    other = linear([1], [100], [1], [1])
    plan = go.PackingPlan(other, [go.packing.DutyCycle(0, 50_000, (0,), (1,))])
    assert judge_plan(abc([64, 32, 32]), UNSPLIT, plan, None, 1e-6).status == "failed"
    assert judge_plan(other, UNSPLIT, "no plan", None, 1e-6).status == "failed"


def test_splitting_is_refused_only_where_the_problem_forbids_it() -> None:
    instance = linear([20], [200], [5.0], [5.0])
    half = go.packing.DutyCycle(0, 100_000, (0,), (1,))
    assert verdict(instance, [half, half]) == ("failed", {"unsplit"})
    assert verdict(instance, [half, half], Squishy(variant="split"))[0] == "bounded"


@pytest.mark.parametrize("seed", range(6))
def test_no_prices_prove_more_than_the_optimum(seed: int) -> None:
    """Any prices at all, however wrong: the bound stays at most the optimum found by hand."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(3, 6))
    instance = linear(
        rng.uniform(5, 60, count).round(1),
        rng.uniform(60, 300, count).round(),
        rng.uniform(1, 6, count).round(1),
        rng.uniform(2, 20, count).round(1),
        batches=5,
    )
    best = fewest_by_hand(instance) if not len(instance.unservable) else None
    if best is None or go.packing.saturate(instance, instance.price("gpus")).whole.any():
        return
    for _ in range(3):
        pattern = go.packing.PatternPrices(sessions=rng.integers(0, 2 * 10**9, count), search=True)
        visits = go.packing.VisitPrices(rates=rng.integers(0, 10**9, count), visits=rng.integers(0, 10**9, count))
        for variant, proof in (("unsplit", pattern), ("unsplit", visits), ("split", visits)):
            assert max(go.packing.packing_bounds(instance, "gpus", variant, proof).values()) <= best
        # the search must not prove one GPU more than is needed
        searched = go.packing.packing_bounds(instance, "gpus", "unsplit", pattern, cost=best + 1)
        assert max(searched.values()) <= best


def test_bounds_come_in_their_order() -> None:
    """utilisation <= occupancy <= visits, and occupancy <= pattern, for the prices that the methods give."""
    for seed in range(4):
        instance = random_instance(8, "residual", seed)
        split = go.solve(instance, Squishy(variant="split"))
        whole = go.solve(instance, "squishy")
        simple = go.packing.packing_bounds(instance, "gpus", "split")
        assert simple["utilisation"] <= simple["occupancy"] <= split.bound <= split.value <= whole.value


def test_the_gap_of_a_rounded_relaxation_is_closed_by_the_judges_own_search() -> None:
    """The relaxation of this instance is 10.0 and its optimum 11: prices alone leave one GPU open."""
    solution = go.solve(random_instance(30, "residual", 64), "squishy")
    assert (solution.status, solution.value, solution.bound_kind) == ("optimal", 11, "proved")
