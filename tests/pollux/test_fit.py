"""The seven parameters: gradients, starts, what was never measured, and the measured profiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

import gavelopt as go
from formulations.pollux.apps import APPS, PERF
from formulations.pollux.fit import LEAST, Measurements, fit, fit_single_start, objective


def profile(params: np.ndarray, seed: int = 0, rows: int = 150, most: int = 32) -> Measurements:
    """Noise-free step times of these parameters."""
    random = np.random.default_rng(seed)
    replicas = random.integers(1, most + 1, rows)
    nodes = np.where(
        (replicas <= 4) & (random.random(rows) < 0.6), 1, np.minimum(replicas, random.integers(2, 9, rows))
    )
    local = random.integers(4, 64, rows)
    a_c, b_c, a_n, b_n, a_r, b_r, gamma = params
    more = np.maximum(replicas - 2, 0)
    sync = np.where(nodes > 1, a_n + b_n * more, np.where(replicas > 1, a_r + b_r * more, 0.0))
    grad = a_c + b_c * local
    return Measurements(nodes, replicas, local, grad, (grad**gamma + sync**gamma) ** (1 / gamma))


def truths() -> list[np.ndarray]:
    """Parameters of the measured applications, with other overlaps."""
    found = []
    for number, app in enumerate(APPS):
        params = np.array(PERF["t4"][app][:7])
        params[6] = 1.0 + 0.4 * number
        params[[3, 5]] = np.minimum(params[[3, 5]], 0.05 * params[[2, 4]])
        found.append(params)
    return found


def test_the_gradient_is_analytic() -> None:
    rows = profile(truths()[0])
    for gamma in (1.2, 3.0):
        point = np.array([0.1, 0.02, 0.3, 0.01, 0.2, 0.02, gamma])
        numeric = optimize.approx_fprime(point, lambda p: objective(p, rows)[0], 1e-7)
        assert objective(point, rows)[1] == pytest.approx(numeric, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("number", range(6))
def test_noise_free_profiles_are_found(number: int) -> None:
    true = truths()[number]
    rows = profile(true, seed=number)
    found = fit(rows)
    assert found.objective <= 0.01
    assert found.objective <= objective(true, rows)[0] + 1e-6
    assert found.objective <= fit_single_start(rows).objective


@pytest.mark.parametrize("app", APPS)
def test_measured_profiles_are_fitted_no_worse_than_from_one_start(app: str, shared_data: Path) -> None:
    folder = shared_data / "pollux_sia" / "profiles_t4" / app
    near = pd.read_csv(folder / "placements.csv", dtype={"placement": str})
    near["num_nodes"] = near["placement"].str.len()
    near["num_replicas"] = near["placement"].map(lambda text: sum(int(digit) for digit in text))
    table = pd.concat([near, pd.read_csv(folder / "scalability.csv")])
    compute = table["step_time"] - table["sync_time"]
    rows = Measurements(table["num_nodes"], table["num_replicas"], table["local_bsz"], compute, table["step_time"])
    found = fit(rows, starts=6)
    assert found.objective <= fit_single_start(rows).objective + 1e-12
    assert found.objective < 0.35
    assert found.max_replicas == 64


def test_the_unmeasured_is_taken_at_its_best() -> None:
    alone = fit(Measurements([1] * 3, [1] * 3, [8] * 3, [0.2, 0.2, 0.2], [0.2, 0.2, 0.2]))
    assert alone.params[0] == pytest.approx(0.1)  # half of the time is constant
    assert (alone.params[4:6] == LEAST).all()
    assert alone.params[2:4] == pytest.approx(1.1 * LEAST)
    assert alone.max_replicas == 2
    true = truths()[0]
    one_node = fit(_on_one_node(profile(true, most=4)))
    assert (one_node.params[2:4] >= 1.1 * one_node.params[4:6] - 1e-15).all()
    pairs = fit(Measurements([1, 1, 2, 2], [1, 2, 2, 2], [4, 8, 8, 16], [0.2, 0.3, 0.3, 0.5], [0.2, 0.4, 0.7, 0.9]))
    assert pairs.params[3] == LEAST
    assert pairs.params[5] == LEAST


def _on_one_node(rows: Measurements) -> Measurements:
    columns = (rows.nodes, rows.replicas, rows.local_batch, rows.accumulation_s, rows.step_s)
    return Measurements(*(column[rows.nodes == 1] for column in columns))


def test_bad_measurements_are_named() -> None:
    with pytest.raises(go.InputError, match="equal length"):
        Measurements([1], [1, 2], [4], [0.1], [0.1])
    with pytest.raises(go.InputError, match="step_s out of range") as caught:
        Measurements([1, 1], [1, 2], [4, 4], [0.1, 0.1], [0.1, -0.1])
    assert "row 2" in str(caught.value)
    with pytest.raises(go.InputError, match="more nodes than replicas"):
        Measurements([3], [2], [4], [0.1], [0.1])
