"""What holds for every packing (nexus.md, section 4), and the odd instances: no sessions, one, all alike, no GPUs."""

from __future__ import annotations

import numpy as np
import pytest

import gavelopt as go
from formulations.nexus.families import random_instance
from formulations.nexus.squishy import Squishy
from tests.nexus.instances import GPU, abc, linear

HEURISTICS = ("greedy", "greedy_repository", "knapsack", "batch_oblivious")
EVERY = (*HEURISTICS, "exact")


def gpus(instance: go.PackingInstance, method: str = "exact") -> float:
    """The value of a method that must succeed."""
    solution = go.solve(instance, "squishy", method=method)
    assert solution.value is not None, solution.message
    return solution.value


@pytest.mark.parametrize("family", ["residual", "tight", "mixed"])
def test_slower_by_c_at_rates_lower_by_c_changes_nothing(family: str) -> None:
    instance = random_instance(10, family, 5)
    profiles = [go.BatchProfile(p.model, p.accelerator, p.batch, p.latency_us * 4) for p in instance.profiles]
    sessions = instance.sessions.replace(rate_rps=instance.sessions.rate_rps / 4, slo_ms=instance.sessions.slo_ms * 4)
    slower = instance.replace(profiles=profiles, sessions=sessions)
    for method in EVERY:
        assert gpus(slower, method) == gpus(instance, method)


@pytest.mark.parametrize("family", ["residual", "mid"])
def test_the_order_of_sessions_does_not_matter_to_exact(family: str) -> None:
    instance = random_instance(12, family, 3)
    turned = instance.replace(sessions=instance.sessions.take(np.random.default_rng(0).permutation(12)))
    assert gpus(turned) == gpus(instance)


def test_idle_sessions_and_repeated_rows_change_nothing() -> None:
    instance = random_instance(8, "residual", 2)
    twice = [
        go.BatchProfile(p.model, p.accelerator, np.repeat(p.batch, 2), np.repeat(p.latency_us, 2))
        for p in instance.profiles
    ]
    old = instance.sessions
    more = go.SessionSet(
        [*old.names, "idle"],
        model=[*old.model, old.model[0]],
        rate_rps=[*old.rate_rps, 0.0],
        slo_ms=[*old.slo_ms, 1.0],  # shorter than any batch: nobody asks
    )
    for method in EVERY:
        assert gpus(instance.replace(profiles=twice, sessions=more), method) == gpus(instance, method)


def test_the_utilisation_bound_is_the_linear_relaxation() -> None:
    """sum R_k / T_k: on whole GPUs alone nobody can do better, and with shared ones the rounded sum is a bound."""
    for seed in range(5):
        instance = random_instance(10, "mixed", seed)
        load = float((instance.sessions.rate_rps / instance.peak_rps[:, 0]).sum())
        assert go.packing.packing_bounds(instance, "gpus", "split")["utilisation"] == np.ceil(load - 1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_exact_never_rises_with_less_to_do(seed: int) -> None:
    """No theorem for unsplit (the first phase may cut a rate elsewhere), but true of residuals: a part of a set still fits."""
    instance = random_instance(8, "residual", seed)
    best = gpus(instance)
    rng = np.random.default_rng(seed)
    k = int(rng.integers(8))
    lower, longer = instance.sessions.rate_rps.copy(), instance.sessions.slo_ms.copy()
    lower[k] *= 0.5
    longer[k] *= 1.5
    assert gpus(instance.replace(sessions=instance.sessions.replace(rate_rps=lower))) <= best
    assert gpus(instance.replace(sessions=instance.sessions.take(np.arange(8) != k))) <= best
    longer_objective = instance.replace(sessions=instance.sessions.replace(slo_ms=longer))
    whole = go.packing.saturate(longer_objective, longer_objective.price("gpus")).whole.any()
    assert whole or gpus(longer_objective) <= best


def test_no_sessions_at_all() -> None:
    none = go.PackingInstance(GPU, [], go.SessionSet(0, model=(), rate_rps=(), slo_ms=()))
    for method in EVERY:
        assert gpus(none, method) == 0


@pytest.mark.parametrize("method", [*EVERY, "cpsat", "milp"])
def test_one_session(method: str) -> None:
    assert gpus(linear([20], [200], [5.0], [10.0]), method) == 1


def test_twenty_sessions_all_alike() -> None:
    """Four fit one GPU: 4 x 20 ms = 80 ms, and 80 + 20 = 100 ms."""
    instance = linear([12] * 20, [100] * 20, [5.0] * 20, [15.0] * 20)
    for method in ("exact", "knapsack", "greedy"):
        assert gpus(instance, method) == 5
    assert go.solve(instance, "squishy").status == "optimal"


def test_many_sessions_of_one_model_share_nothing_but_the_profile() -> None:
    profile = go.BatchProfile.from_ms("m", "gpu", {b: 5 * b + 15 for b in range(1, 9)})
    sessions = go.SessionSet(20, model=["m"] * 20, rate_rps=[12] * 20, slo_ms=[100] * 20)
    assert gpus(go.PackingInstance(GPU, [profile], sessions)) == 5


def test_no_gpus_of_the_only_type() -> None:
    instance = abc([64, 32, 32]).replace(gpus=[go.GpuType("gpu", count=0)])
    for method in (*HEURISTICS, "exact"):
        solution = go.solve(instance, "squishy", method=method)
        assert solution.value is None
        assert solution.status in ("infeasible", "failed")
        assert "GPU" in solution.message
    assert go.solve(instance, "squishy").status == "infeasible"
    assert go.solve(instance, Squishy(variant="split")).value is None


def test_gpus_that_cost_nothing() -> None:
    free = abc([64, 32, 32]).replace(gpus=[go.GpuType("gpu", cost_per_hour=0.0)])
    solution = go.solve(free, Squishy(minimise="cost"))
    assert (solution.status, solution.value) == ("optimal", 0.0)


def test_half_a_gpu_is_no_count() -> None:
    with pytest.raises(go.InputError, match="count out of range"):
        go.GpuType("gpu", count=1.5)  # type: ignore[arg-type]


@pytest.mark.parametrize(("count", "status"), [(2, "optimal"), (1, "infeasible")])
def test_just_enough_gpus_and_one_too_few(count: int, status: str) -> None:
    instance = abc([64, 32, 32]).replace(gpus=[go.GpuType("gpu", count=count)])
    solution = go.solve(instance, "squishy")
    assert solution.status == status
    assert solution.value == (2 if count == 2 else None)


def test_a_type_that_nobody_can_use_is_left_alone() -> None:
    instance = abc([64, 32, 32]).replace(gpus=[go.GpuType("gpu"), go.GpuType("other")])
    for method in EVERY:
        solution = go.solve(instance, "squishy", method=method)
        assert solution.plan.per_type[1] == 0
    assert gpus(instance) == 2


def test_a_tiny_rate_needs_a_gpu_and_a_huge_one_many() -> None:
    assert gpus(abc([1e-7, 0, 0])) == 1
    assert gpus(abc([1.6e9, 0, 0])) == 1e7


@pytest.mark.parametrize("family", ["low", "mixed"])
def test_a_thousand_sessions_in_seconds_with_a_certified_gap(family: str) -> None:
    """benchmarks/nexus_large.py has ten thousand."""
    instance = random_instance(1000, family)
    for method, gap in (("greedy", 0.25), ("knapsack", 0.20)):
        solution = go.solve(instance, "squishy", method=method)
        assert solution.bound_kind == "proved"
        assert solution.gap < gap
        assert solution.seconds < 20
        assert all(check.passed for check in solution.checks)
