"""Every method against the oracle, against the others, and on what makes instances hard to get right."""

from __future__ import annotations

import numpy as np
import pytest

import gavelopt as go
from formulations.nexus.branching import branch_and_price
from formulations.nexus.exact import Search, _columns
from formulations.nexus.families import FAMILIES, random_instance
from formulations.nexus.greedy import best_fit
from formulations.nexus.patterns import knapsacks
from formulations.nexus.residuals import residuals_of
from formulations.nexus.squishy import Squishy
from tests.nexus.instances import abc, fewest_by_hand, linear

HEURISTICS = ("greedy", "greedy_repository", "knapsack", "batch_oblivious")


def small(seed: int, sessions: int = 5) -> go.PackingInstance:
    rng = np.random.default_rng(seed)
    slo = rng.uniform(60, 300, sessions).round()
    return linear(
        rng.uniform(3, 25, sessions).round(1),
        slo,
        (slo * rng.uniform(0.01, 0.03, sessions)).round(2),
        (slo * rng.uniform(0.02, 0.15, sessions)).round(2),
        batches=6,
    )


@pytest.mark.parametrize("seed", range(10))
def test_exact_is_the_optimum_from_the_definition(seed: int) -> None:
    instance = small(seed)
    solution = go.solve(instance, "squishy")
    assert solution.status == "optimal"
    assert solution.value == fewest_by_hand(instance)


@pytest.mark.parametrize("seed", range(3))
def test_the_compact_models_agree_with_column_generation(seed: int) -> None:
    instance = random_instance(7, "residual", seed)
    best = go.solve(instance, "squishy").value
    for method in ("cpsat", "milp"):
        solution = go.solve(instance, "squishy", method=method)
        assert solution.value == best
        assert solution.bound == best


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_no_heuristic_beats_the_optimum_and_all_plans_hold(family: str) -> None:
    instance = random_instance(12, family, 1)
    best = go.solve(instance, "squishy")
    assert best.status == "optimal"
    for method in HEURISTICS:
        solution = go.solve(instance, "squishy", method=method)
        assert all(check.passed for check in solution.checks)
        assert solution.value >= best.value
        assert solution.bound <= best.value


def test_branch_and_price_closes_by_itself() -> None:
    """From the greedy's columns and without the other steps; the optimum is one GPU below the greedy."""
    instance = random_instance(15, "residual", 1)
    _, residuals = residuals_of(go.Problem(instance, Squishy()))
    search = Search(residuals, float("inf"))
    search.offer(best_fit(residuals)[0], "greedy")
    table = knapsacks(residuals)
    before = search.upper
    branch_and_price(search, table, _columns(table, search.bins or []))
    assert search.closed
    assert search.upper == go.solve(instance, "squishy").value * 1_000_000 < before


def test_a_time_limit_leaves_a_plan_and_a_bound() -> None:
    solution = go.solve(random_instance(40, "residual", 3), "squishy", time_limit=0.05)
    assert solution.value is not None
    assert solution.bound <= solution.value
    assert solution.seconds < 10


def test_the_greedy_says_where_the_papers_rule_is_silent() -> None:
    slow = linear([0.5], [100.0], [1.0], [40.0])  # two seconds between requests, 100 ms to answer
    solution = go.solve(slow, "squishy", method="greedy")
    assert "no batch fits the rule" in solution.attempts[0].detail
    assert solution.plan.cycles[0].batches == (1,)
    assert solution.plan.cycles[0].duty_us == 59_000


def test_a_rate_just_below_the_peak_needs_one_gpu() -> None:
    """The paper's rule alone would give such a session an occupancy above 1 (nexus.md, 159 req/s of model A)."""
    instance = linear([159.0], [200.0], [4.2], [32.8], batches=16)
    for method in ("greedy", "exact", "knapsack"):
        assert go.solve(instance, "squishy", method=method).value == 1


def test_a_rate_of_whole_gpus_leaves_no_residual() -> None:
    instance = abc([320, 0, 0])
    solution = go.solve(instance, "squishy")
    assert solution.value == 2
    assert solution.plan.cycles[0].count == 2
    assert "2 session(s) have no requests" in " ".join(solution.warnings)


@pytest.mark.parametrize(
    ("rate", "gpus"),
    [
        (16 / 0.150, 1),  # 106.666... requests per second: the peak of one GPU
        (2 * 16 / 0.150, 2),
        (213.333333, 2),  # the residual, rounded up to a microrequest, is above the peak: a whole GPU, not two
        (106.666667, 2),  # a third of a microrequest per second too many
        (213.333334, 3),
    ],
)
def test_rates_at_the_peak_are_served_exactly(rate: float, gpus: int) -> None:
    profile = go.BatchProfile.from_ms("m", "gpu", {16: 150})
    sessions = go.SessionSet(1, model=["m"], rate_rps=[rate], slo_ms=[300])
    solution = go.solve(go.PackingInstance([go.GpuType("gpu")], [profile], sessions), "squishy")
    assert (solution.status, solution.value) == ("optimal", gpus)


def test_an_objective_of_exactly_two_batches_of_one_can_be_met() -> None:
    instance = linear([10], [30], [5.0], [10.0])
    for method in ("exact", "greedy", "knapsack", "cpsat", "milp", "batch_oblivious"):
        assert go.solve(instance, "squishy", method=method).value == 1


def test_an_objective_nobody_can_meet_is_explained() -> None:
    instance = linear([10, 10], [100, 29], [5.0, 5.0], [10.0, 10.0])
    for method in ("exact", "greedy", "greedy_repository", "knapsack", "cpsat", "milp", "batch_oblivious"):
        solution = go.solve(instance, "squishy", method=method)
        assert solution.status == "infeasible"
        assert "session 's1': SLO 29 ms" in solution.message
        assert "the smallest SLO that works is 30 ms" in solution.message


def test_memory_is_a_second_dimension() -> None:
    def instance(memory: float | None) -> go.PackingInstance:
        profiles = [
            go.BatchProfile(f"m{k}", "gpu", [1, 2], [5_000, 8_000], memory_bytes=[4 << 30, 5 << 30]) for k in range(4)
        ]
        sessions = go.SessionSet(4, model=[f"m{k}" for k in range(4)], rate_rps=[10] * 4, slo_ms=[150] * 4)
        return go.PackingInstance([go.GpuType("gpu", memory_gib=memory)], profiles, sessions)

    assert go.solve(instance(None), "squishy").value == 1
    for method in ("exact", "greedy", "knapsack", "cpsat", "milp"):
        solution = go.solve(instance(8), "squishy", method=method)
        assert solution.value == 2
        assert all(check.passed for check in solution.checks)


def test_a_smaller_largest_batch_needs_more_gpus() -> None:
    free, capped = abc([1000, 1000, 1000]), abc([1000, 1000, 1000], max_batch=8)
    assert go.solve(capped, "squishy").value > go.solve(free, "squishy").value
    for cycle in go.solve(capped, "squishy").plan.cycles:
        assert max(cycle.batches) <= 8


TYPES = (go.GpuType("fast", count=None, cost_per_hour=3.0), go.GpuType("slow", count=None, cost_per_hour=1.0))


def two_types(counts: tuple[int | None, int | None] = (None, None)) -> go.PackingInstance:
    """Four sessions; the slow type takes three times as long at a third of the price."""
    gpus = [go.GpuType(g.name, c, g.cost_per_hour) for g, c in zip(TYPES, counts, strict=True)]
    profiles = [
        go.BatchProfile.from_ms(f"m{k}", name, {b: times * (1.0 * b + 4 + k) for b in range(1, 17)})
        for k in range(4)
        for name, times in (("fast", 1.0), ("slow", 2.5))
    ]
    models = [f"m{k}" for k in range(4)]
    return go.PackingInstance(
        gpus, profiles, go.SessionSet(4, model=models, rate_rps=[40, 50, 60, 70], slo_ms=[100] * 4)
    )


def test_the_cheapest_mix_of_types() -> None:
    instance = two_types()
    few, cheap = go.solve(instance, "squishy"), go.solve(instance, Squishy(minimise="cost"))
    assert (few.status, cheap.status) == ("optimal", "optimal")
    assert few.plan.gpus <= cheap.plan.gpus
    costs = [float(plan.per_type @ [3.0, 1.0]) for plan in (few.plan, cheap.plan)]
    assert costs[1] == cheap.value <= costs[0]
    assert cheap.unit == "cost/hour"


def test_counts_are_kept_and_change_the_plan() -> None:
    free = go.solve(two_types(), Squishy(minimise="cost"))
    limited = go.solve(two_types((None, 1)), Squishy(minimise="cost"))
    assert limited.plan.per_type[1] <= 1 < free.plan.per_type[1]
    assert limited.status == "optimal"
    assert limited.value >= free.value


def test_too_few_gpus_are_infeasible() -> None:
    solution = go.solve(two_types((0, 1)), "squishy")
    assert solution.status == "infeasible"
    assert "GPUs there are" in solution.message or "GPUs run out" in solution.message


def test_cost_needs_prices() -> None:
    with pytest.raises(go.InputError, match="needs the price of every type"):
        go.solve(abc([64, 32, 32]), Squishy(minimise="cost"))


def test_the_compact_models_say_that_they_pack_one_type() -> None:
    for method in ("cpsat", "milp"):
        solution = go.solve(two_types(), "squishy", method=method)
        assert solution.status == "failed"
        assert "one accelerator type" in solution.message


def test_options_are_checked() -> None:
    instance = abc([64, 32, 32])
    with pytest.raises(go.InputError, match="variant"):
        Squishy(variant="whole")
    with pytest.raises(go.UnknownName, match="batch_rule"):
        go.solve(instance, "squishy", method="greedy", batch_rule="code")
    with pytest.raises(go.InputError, match="profile_multiplier"):
        go.solve(instance, "squishy", method="greedy_repository", profile_multiplier=0.5)
    with pytest.raises(go.UnknownName, match="method"):
        go.solve(instance, Squishy(variant="online"), method="exact")
    with pytest.raises(go.InputError, match="kind"):
        go.solve(instance, "max_min")


def test_a_multiplier_makes_the_repository_careful() -> None:
    instance = abc([1000, 1000, 1000])
    online = Squishy(variant="online")
    assert go.solve(instance, online, profile_multiplier=1.15).value > go.solve(instance, online).value


def test_auto_is_exact_as_far_as_that_is_affordable() -> None:
    assert go.solve(random_instance(20, "low"), "squishy").method == "exact"
    assert go.solve(random_instance(20, "low"), Squishy(variant="split"), time_limit=1).method == "exact"
    assert go.solve(abc([64, 32, 32]), Squishy(variant="online")).method == "greedy_repository"
    large = go.solve(random_instance(200, "low"), "squishy")
    assert (large.method, large.bound_kind) == ("knapsack", "proved")


def test_nothing_to_serve() -> None:
    for variant in ("unsplit", "split", "online"):
        solution = go.solve(abc([0, 0, 0]), Squishy(variant=variant))
        assert (solution.value, solution.bound, solution.status) == (0, 0, "optimal")


def test_the_allocation_is_the_shared_matrix() -> None:
    instance = abc([64, 32, 32])
    solution = go.solve(instance, "squishy", method="greedy")
    assert solution.allocation["A", "gpu"] == pytest.approx(0.6)
    assert solution.allocation["B", "gpu"] == pytest.approx(0.4)
    assert (solution.allocation.rates >= [64, 32, 32]).all()
    assert solution.allocation.usage.tolist() == [2]
    assert {row["session"] for row in solution.plan.rows(instance)} == {"A", "B", "C"}
