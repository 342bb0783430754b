"""The simulator: what theory promises for even arrivals, early against lazy drops, contents, CPU work."""

from __future__ import annotations

import numpy as np
import pytest

import gavelopt as go
from formulations.nexus.families import random_instance
from formulations.nexus.repository import slower
from tests.nexus.instances import GPU, abc

SECONDS = 5.0


def phased(instance: go.PackingInstance, seed: int) -> dict[str, go.FloatArray]:
    """Even arrivals at the planned rates, every session with a phase of its own."""
    rng = np.random.default_rng(seed)
    pairs = [pair for pair in _rates(instance) if pair[1] > 0]
    return {name: go.serving.uniform_arrivals(rate, SECONDS) + rng.uniform(0, 1 / rate) for name, rate in pairs}


@pytest.mark.parametrize("family", ["residual", "tight", "mid", "mixed"])
@pytest.mark.parametrize("seed", range(2))
def test_even_arrivals_at_the_planned_rates_are_never_late(family: str, seed: int) -> None:
    """Work-conserving: nobody. In fixed cycles: nobody who lives on one GPU (several GPUs get a request early or late)."""
    instance = random_instance(10, family, seed)
    plan = go.solve(instance, "squishy", method="knapsack").plan
    homes = [sum(k in cycle.sessions for cycle in plan.cycles) for k in range(len(instance.sessions))]
    for drop in ("none", "lazy", "early"):
        assert go.packing.serve_packing(instance, plan, phased(instance, seed), drop=drop).attainment == 1.0
        fixed = go.packing.serve_packing(
            instance, plan, phased(instance, seed), drop=drop, pacing="cycle"
        ).per_session()
        for name, count in zip(instance.sessions.names, homes, strict=True):
            assert count > 1 or fixed[name]["attainment"] == 1.0


def test_the_worst_wait_is_one_cycle_and_one_batch() -> None:
    """Rates just below the planned ones, so that arrivals drift through the cycle and meet its worst moment."""
    instance = abc([63.7, 31.7, 0])
    plan = go.PackingPlan(instance, [go.packing.DutyCycle(0, 125_000, (0, 1), (8, 4))])
    found = go.packing.serve_packing(instance, plan, phased(instance, 0), drop="none", pacing="cycle").per_session()
    for name, bound in (("A", 125 + 75), ("B", 125 + 50)):
        assert bound - 20 < found[name]["worst_ms"] <= bound


def single(alpha: float) -> tuple[go.PackingInstance, go.PackingPlan]:
    """nexus.md, section 1.5: SLO 100 ms, 25 requests in 50 ms, so 500 requests a second at best."""
    profile = go.BatchProfile.from_ms("m", "gpu", {b: alpha * b + 50 - 25 * alpha for b in range(1, 33)})
    sessions = go.SessionSet(["s"], model=["m"], rate_rps=[500], slo_ms=[100])
    instance = go.PackingInstance(GPU, [profile], sessions)
    return instance, go.PackingPlan(instance, [go.packing.DutyCycle(0, 50_000, (0,), (25,))])


def good_rate(alpha: float, drop: str, requests: int = 20_000) -> float:
    """The highest Poisson rate with at most 1 % of the requests late or dropped."""
    instance, plan = single(alpha)
    low, high = 200.0, 600.0
    while high - low > 4:
        rate = (low + high) / 2
        arrivals = {"s": go.serving.poisson_arrivals(rate, requests / rate, seed=1)}
        fine = go.packing.serve_packing(instance, plan, arrivals, drop=drop).attainment >= 0.99
        low, high = (rate, high) if fine else (low, rate)
    return low


def test_early_drop_beats_lazy_drop_under_poisson_and_most_where_batching_pays_most() -> None:
    gain = []
    for alpha in (1.0, 1.4, 1.8):
        early, lazy = good_rate(alpha, "early"), good_rate(alpha, "lazy")
        assert lazy < early < 500
        gain.append(early / lazy)
    assert gain[0] > gain[1] > gain[2] > 1.02
    assert gain[0] > 1.15


def test_bursts_are_worse_than_poisson() -> None:
    instance, plan = single(1.0)
    attained = [
        go.packing.serve_packing(instance, plan, {"s": go.serving.gamma_arrivals(400, cv, 30, seed=2)}).attainment
        for cv in (0.2, 1, 4)
    ]
    assert attained[0] > attained[1] > attained[2]


def test_nothing_is_late_where_drops_are_allowed_and_contents_are_alike() -> None:
    instance, plan = single(1.0)
    arrivals = {"s": go.serving.poisson_arrivals(600, 20, seed=0)}
    for drop in ("lazy", "early"):
        report = go.packing.serve_packing(instance, plan, arrivals, drop=drop)
        assert report.late == 0 < report.dropped
    kept = go.packing.serve_packing(instance, plan, arrivals, drop="none")
    assert kept.dropped == 0 < kept.late


def test_planning_for_heavier_contents_costs_gpus_and_saves_requests() -> None:
    """The lecture's question: latency that varies with content, planned by its mean, a quantile, its largest."""
    rng = np.random.default_rng(0)
    weight = rng.uniform(0.2, 5.0, 4000)
    weight /= weight.mean()
    attained, gpus = [], []
    for careful in (1.0, float(np.quantile(weight, 0.9)), float(weight.max())):
        instance = random_instance(6, "residual", 1)
        plan = go.solve(slower(instance, careful), "squishy").plan
        arrivals = {n: go.serving.poisson_arrivals(r, 20, seed=k) for k, (n, r) in enumerate(_rates(instance))}
        content = {name: rng.choice(weight, len(times)) for name, times in arrivals.items()}
        report = go.packing.serve_packing(instance, plan, arrivals, content=content, batch_of="heaviest")
        attained.append(report.attainment)
        gpus.append(plan.gpus)
    assert attained[0] < attained[1] < attained[2]
    assert gpus[0] < gpus[1] <= gpus[2]


def _rates(instance: go.PackingInstance) -> list[tuple[str, float]]:
    return list(zip(instance.sessions.names, instance.sessions.rate_rps.tolist(), strict=True))


def test_cpu_work_beside_the_gpu_serves_more() -> None:
    profile = go.BatchProfile("m", "gpu", [1, 8, 16], [6000, 20_000, 35_000], preprocess_us=3000, postprocess_us=1000)
    sessions = go.SessionSet(["s"], model=["m"], rate_rps=[400], slo_ms=[120])
    instance = go.PackingInstance(GPU, [profile], sessions)
    plan = go.solve(instance, "squishy").plan
    arrivals = {"s": go.serving.uniform_arrivals(400, 10)}
    beside = go.packing.serve_packing(instance, plan, arrivals)
    waiting = [go.packing.serve_packing(instance, plan, arrivals, overlap=False, cpu_cores=c) for c in (1, 4)]
    assert beside.attainment == 1.0
    assert waiting[0].attainment < waiting[1].attainment < 1.0


def test_no_requests_and_unknown_words() -> None:
    instance, plan = single(1.0)
    assert go.packing.serve_packing(instance, plan, {}).attainment == 1.0
    assert go.packing.serve_packing(instance, go.PackingPlan(instance, ()), {"s": np.array([0.0])}).dropped == 1
    with pytest.raises(go.UnknownName, match="drop"):
        go.packing.serve_packing(instance, plan, {}, drop="late")
    with pytest.raises(go.InputError, match="session"):
        go.packing.serve_packing(instance, plan, {"t": np.zeros(1)})
    with pytest.raises(go.InputError, match="rise"):
        go.packing.serve_packing(instance, plan, {"s": np.array([1.0, 0.0])})
    with pytest.raises(go.InputError, match="content"):
        go.packing.serve_packing(instance, plan, {"s": np.zeros(2)}, content={"s": np.ones(1)})
