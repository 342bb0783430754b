"""The goodput model by hand, its shape, and the exact batch size against every whole number."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

import gavelopt as go
from formulations.pollux.apps import sample
from gavelopt.model.batch import BatchLimits, Best, best_batch, grid_batch
from gavelopt.model.goodput import GoodputModel, noise_scale, overlap


def model(replicas: object, spread: object = False, noise: object = 100.0, **changes: float) -> GoodputModel:
    """Cells that differ in replicas (and where given in spread and noise)."""
    count = np.atleast_1d(replicas).size
    values = {
        "alpha_c": 0.1,
        "beta_c": 0.01,
        "alpha_n": 0.8,
        "beta_n": 0.02,
        "alpha_r": 0.2,
        "beta_r": 0.01,
        "gamma": 2.0,
    }
    columns = {name: np.full(count, value) for name, value in {**values, **changes}.items()}
    return GoodputModel(
        **columns,
        noise=np.broadcast_to(np.asarray(noise, dtype=float), (count,)),
        init_batch=np.full(count, 10.0),
        replicas=np.atleast_1d(replicas),
        spread=np.broadcast_to(np.asarray(spread), (count,)),
    )


def test_the_formulas_by_hand() -> None:
    cell = model(4, spread=True)
    assert cell.grad_time(np.array([5.0]))[0] == pytest.approx(0.15)
    assert cell.sync_time()[0] == pytest.approx(0.8 + 0.02 * 2)
    assert cell.iteration_time(np.array([5.0]), np.array([1.0]))[0] == pytest.approx(0.15 + np.hypot(0.15, 0.84))
    assert cell.batch(np.array([5.0]), np.array([1.0]))[0] == 40
    assert cell.efficiency(np.array([40.0]))[0] == pytest.approx((100 + 10) / (100 + 40))
    throughput = 40 / (0.15 + np.hypot(0.15, 0.84))
    assert cell.goodput(np.array([5.0]), np.array([1.0]))[0] == pytest.approx(throughput * 110 / 140)
    assert model(1).sync_time()[0] == 0.0
    assert model(2).sync_time()[0] == pytest.approx(0.2)


def test_noise_scale_and_its_ends() -> None:
    phi = noise_scale(np.array([10.0] * 4), np.array([2.0, 0.0, 0.0, 1.0]), np.array([6.0, 1.0, 0.0, 0.0]))
    assert phi.tolist() == [30.0, np.inf, 0.0, 0.0]
    endless = model(2, noise=np.inf)
    assert endless.efficiency(np.array([1000.0]))[0] == 1.0
    assert endless.noise_share[0] == 1.0


def test_overlap_runs_from_the_sum_to_the_larger() -> None:
    a, b = np.array([3.0]), np.array([4.0])
    assert overlap(a, b, np.array([1.0]))[0] == pytest.approx(7.0)
    assert overlap(a, b, np.array([2.0]))[0] == pytest.approx(5.0)
    assert overlap(a, b, np.array([300.0]))[0] == pytest.approx(4.0)
    assert overlap(np.array([0.0]), np.array([0.0]), np.array([2.0]))[0] == 0.0


def test_throughput_rises_with_batch_and_efficiency_falls() -> None:
    local = np.arange(1.0, 200.0)
    cells = model(np.full(199, 4))
    assert (np.diff(cells.throughput(local, np.zeros(199))) > 0).all()
    assert (np.diff(cells.efficiency(4 * local)) < 0).all()
    per_gpu = model(np.arange(2, 60)).throughput(np.full(58, 8.0), np.zeros(58)) / np.arange(2, 60)
    assert (np.diff(per_gpu) < 0).all()
    across, within = model(4, spread=True), model(4)
    assert across.goodput(local[:1] + 9, np.zeros(1)) < within.goodput(local[:1] + 9, np.zeros(1))


def test_the_slope_is_the_derivative_and_the_reciprocal_is_convex() -> None:
    for gamma in (1.0, 1.7, 10.0):
        local = np.linspace(1.0, 60.0, 200)
        cells = model(np.full(200, 8), spread=True, gamma=gamma)
        for steps in (0.0, 3.0):
            s = np.full(200, steps)
            numeric = (cells.seconds(local + 1e-5, s) - cells.seconds(local - 1e-5, s)) / 2e-5
            assert cells.seconds_slope(local, s) == pytest.approx(numeric, rel=1e-4, abs=1e-9)
            assert (np.diff(cells.seconds(local, s), 2) > -1e-12).all()


def random_cells(count: int, seed: int = 0) -> tuple[GoodputModel, BatchLimits]:
    """Random cells, with the corners: no noise, endless noise, no compute constant, no accumulation."""
    random = np.random.default_rng(seed)

    def spread_out(low: float, high: float) -> np.ndarray:
        return 10 ** random.uniform(low, high, count)

    replicas = random.integers(1, 33, count)
    start = random.integers(1, 300, count)
    least = random.integers(1, 20, count)
    noise = start * spread_out(-1, 4)
    noise[random.random(count) < 0.05] = np.inf
    noise[random.random(count) < 0.05] = 0.0
    constant = spread_out(-4, 0) * (random.random(count) < 0.95)
    gamma = np.maximum(random.uniform(-2, 10, count), 1.0)
    across = spread_out(-4, -1) * (random.random(count) < 0.8)
    cells = GoodputModel(
        *(constant, spread_out(-6, -1), spread_out(-3, 0.5), across, spread_out(-3, 0), across / 2, gamma, noise),
        *(start.astype(float), replicas, (random.random(count) < 0.5) & (replicas > 1)),
    )
    most = start * random.integers(1, 60, count)
    limits = BatchLimits(start, most, least, least + random.integers(0, 200, count), random.random(count) < 0.8)
    return cells, limits


def every_batch(cells: GoodputModel, limits: BatchLimits, at: int) -> float:
    """The best goodput of one cell over every allowed (m, s)."""
    replicas, most = int(cells.replicas[at]), int(limits.total_max[at])
    pairs = [
        (m, s)
        for s in range(most // (replicas * int(limits.local_min[at])) + 1 if limits.accumulate[at] else 1)
        for m in range(int(limits.local_min[at]), min(int(limits.local_max[at]), most // (replicas * (s + 1))) + 1)
        if replicas * m * (s + 1) >= limits.total_min[at]
        and (replicas > 1 or s > 0 or replicas * m == limits.total_min[at])
    ]
    if not pairs:
        return 0.0
    local, steps = np.array(pairs).T
    one = GoodputModel(*(np.repeat(getattr(cells, f.name)[at], len(pairs)) for f in fields(cells)))
    return float(one.goodput(local, steps).max())


def test_the_batch_size_is_the_best_of_all_and_never_below_the_grid() -> None:
    cells, limits = random_cells(500)
    best, grid = best_batch(cells, limits), grid_batch(cells, limits)
    exhaustive = np.array([every_batch(cells, limits, at) for at in range(500)])
    assert best.goodput == pytest.approx(exhaustive, rel=1e-12)
    assert (best.goodput >= grid.goodput * (1 - 1e-12)).all()
    assert (grid.goodput[exhaustive > 0] > 0.8 * exhaustive[exhaustive > 0]).mean() > 0.9


def test_the_batch_size_obeys_its_limits() -> None:
    cells, limits = random_cells(2000, seed=1)
    best: Best = best_batch(cells, limits)
    found = best.goodput > 0
    total = cells.replicas * best.local * (best.accumulation + 1)
    assert ((total >= limits.total_min) & (total <= limits.total_max))[found].all()
    assert ((best.local >= limits.local_min) & (best.local <= limits.local_max))[found].all()
    assert (best.accumulation[found & ~limits.accumulate] == 0).all()


def test_the_table_of_an_instance_is_a_throughput_table() -> None:
    instance = sample(3, {"t4": 2, "a100": 1}, seed=0)
    table = instance.throughputs
    assert table.unit == "samples/s"
    assert len(table.accelerators) == len(instance.configurations) == 4 + 7 + 8
    assert "a100 x 8" in table.accelerators
    assert "t4 x 5 across nodes" in table.accelerators
    at = table.accelerators.index("t4 x 2")
    local, steps = instance.local_batch[:, at], instance.accumulation[:, at]
    assert (2 * local * (steps + 1) >= instance.jobs.init_batch_size).all()


def test_the_grid_stays_as_an_option() -> None:
    exact = sample(12, 8, seed=0)
    grid = exact.replace(batch_search="grid")
    assert (grid.goodput <= exact.goodput * (1 + 1e-12)).all()
    assert (grid.goodput < exact.goodput * (1 - 1e-6)).any()
    assert (grid.goodput > 0.9 * exact.goodput).mean() > 0.95
    with pytest.raises(go.UnknownName, match="batch_search"):
        exact.replace(batch_search="golden")
