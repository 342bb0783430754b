"""Instances of every kind at random, small enough to be solved by hand: types, counts, prices, memory, tables that fall."""

from __future__ import annotations

import numpy as np
import pytest

import gavelopt as go
from formulations.nexus.squishy import Squishy
from tests.nexus.instances import GPU, cheapest_by_hand

HEURISTICS = ("greedy", "knapsack", "batch_oblivious")


def anything(seed: int) -> go.PackingInstance:
    """One or two types, up to five sessions of shared models, measured rows with gaps and dips, perhaps memory and CPU time."""
    rng = np.random.default_rng(seed)
    types, count = int(rng.integers(1, 3)), int(rng.integers(1, 6))
    models, remembers = int(rng.integers(1, count + 1)), bool(rng.random() < 0.4)
    gpus = [
        go.GpuType(
            f"g{t}",
            None if rng.random() < 0.5 else int(rng.integers(0, 4)),
            float(rng.integers(1, 5)),
            float(rng.integers(4, 12)) if remembers else None,
        )
        for t in range(types)
    ]
    profiles = []
    for m, t in np.ndindex(models, types):
        if t and rng.random() < 0.2:
            continue
        rows = int(rng.integers(1, 6))
        batch = np.sort(rng.choice(np.arange(1, 9), rows, replace=False))
        ms = np.maximum(rng.uniform(2, 30) + batch * rng.uniform(0.5, 8) + rng.normal(0, 3, rows), 0.5)
        memory = rng.integers(1, 7, rows) * (1 << 30) if remembers else None
        cpu = int(rng.integers(0, 3)) * 500
        profiles.append(go.BatchProfile(f"m{m}", f"g{t}", batch, np.round(ms * 1000), memory, preprocess_us=cpu))
    rate = np.where(rng.random(count) < 0.1, 0.0, rng.uniform(1, 120, count).round(2))
    model = [f"m{int(m)}" for m in rng.integers(0, models, count)]
    sessions = go.SessionSet(count, model=model, rate_rps=rate, slo_ms=rng.uniform(40, 400, count).round())
    interpolation = ("step_up", "linear", "affine")[int(rng.integers(0, 3))]
    return go.PackingInstance(gpus, profiles, sessions, interpolation=interpolation)


@pytest.mark.parametrize("block", range(6))
def test_every_method_against_the_optimum_by_hand(block: int) -> None:
    for seed in range(20 * block, 20 * block + 20):
        instance = anything(seed)
        for minimise in ("gpus", "cost"):
            solution = go.solve(instance, Squishy(minimise=minimise))
            best = None if len(instance.unservable) else cheapest_by_hand(instance, minimise)
            if best is None:
                assert solution.status == "infeasible", seed
                continue
            assert (solution.status, solution.value) == ("optimal", best / 1e6), seed
            for method in HEURISTICS:
                found = go.solve(instance, Squishy(minimise=minimise), method=method)
                assert "violates" not in found.message, (seed, method, found.message)
                assert found.value is None or found.bound <= best / 1e6 <= found.value, (seed, method)
            online = go.solve(instance, Squishy(variant="online", minimise=minimise))
            assert "violates" not in online.message, (seed, online.message)


def test_a_batch_that_no_memory_holds_is_not_run() -> None:
    """Batch 8 is the fastest but needs 6 GiB of 4; so does the only batch of the second model."""
    gib = 1 << 30
    profiles = [
        go.BatchProfile("m", "gpu", [4, 8], [20_000, 30_000], memory_bytes=[2 * gib, 6 * gib]),
        go.BatchProfile("n", "gpu", [4], [20_000], memory_bytes=[6 * gib]),
    ]
    gpu = [go.GpuType("gpu", memory_gib=4)]
    one = go.PackingInstance(gpu, profiles, go.SessionSet(1, model=["m"], rate_rps=[1000], slo_ms=[200]))
    for method in (*HEURISTICS, "exact"):
        solution = go.solve(one, "squishy", method=method)
        assert solution.value == 5  # 200 a second each
        assert all(max(cycle.batches) <= 4 for cycle in solution.plan.cycles)
    assert go.solve(one.replace(gpus=GPU), "squishy").value == 4
    two = one.replace(sessions=go.SessionSet(1, model=["n"], rate_rps=[1], slo_ms=[200]))
    solution = go.solve(two, "squishy")
    assert solution.status == "infeasible"
    assert "no batch of 'n' fits the memory" in solution.message
    asked = two.replace(queries=[go.Query.tree("q", 1.0, 200.0, {"model": "n"})])
    assert go.solve(asked, "latency_split").status == "infeasible"


def test_memory_that_falls_is_counted_at_its_most() -> None:
    profile = go.BatchProfile("m", "gpu", [1, 2, 3], [10, 20, 30], memory_bytes=[3, 1, 2])
    assert profile.curve().memory_bytes.tolist() == [3, 3, 3]
    assert len(profile.curve(memory_limit=2)) == 0
    assert "memory falls in 1 of 2 steps" in profile.irregularities[0]


def test_a_type_without_room_in_short_supply() -> None:
    """The second type is used up by the first phase, so no duty cycle of it is left for the residuals."""
    profiles = [go.BatchProfile.from_ms("m", name, {1: 50}) for name in ("a", "b")]
    gpus = [go.GpuType("a", 5, 2.0), go.GpuType("b", 1, 1.0)]
    sessions = go.SessionSet(3, model=["m"] * 3, rate_rps=[20, 3, 3], slo_ms=[100, 100, 400])
    solution = go.solve(go.PackingInstance(gpus, profiles, sessions), Squishy(minimise="cost"))
    assert solution.status == "optimal"
    assert solution.plan.per_type[1] == 1
