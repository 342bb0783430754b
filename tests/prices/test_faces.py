"""Both sides of a price: the program over a few jobs and the one over all of them say the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gavelopt as go

QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    ("max_sum", {}),
    ("max_min", {"normalize": "best"}),
    ("makespan", {}),
    ("ftf", {}),
    ("proportional_fairness", {}),
    ("power_mean", {"p": 0.5}),
]


def sides(instance: go.Instance, policy: str, options: dict[str, Any]) -> np.ndarray | None:
    prices = go.solve(instance, policy, method="exact", **options).prices
    assert prices is not None
    return prices.sides


def both(
    instance: go.Instance, policy: str, options: dict[str, Any], patch: pytest.MonkeyPatch
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """(by the program over all, by the one over a few)."""
    patch.setattr("gavelopt.engine.prices_of.MANY", 10**9)
    whole = sides(instance, policy, options)
    patch.setattr("gavelopt.engine.prices_of.MANY", 0)
    return whole, sides(instance, policy, options)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("policy", "options"), QUESTIONS)
def test_a_few_jobs_tell_what_all_of_them_do(
    policy: str, options: dict[str, Any], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole numbers: prices with two sides, zero prices and jobs that tie."""
    random = np.random.default_rng(seed)
    jobs, types = int(random.integers(2, 30)), int(random.integers(1, 5))
    rates = random.integers(0, 6, (jobs, types)).astype(float)
    rates[:, 0] += 1.0
    instance = go.Instance.from_arrays(
        rates,
        random.integers(1, 12, types),
        scale=random.integers(1, 3, jobs),
        steps=random.integers(1, 9, jobs) * 10.0,
    )
    whole, few = both(instance, policy, options, monkeypatch)
    if whole is None:
        assert few is None
        return
    assert few is not None
    scale = float(np.abs(whole[np.isfinite(whole)]).max(initial=1e-9))
    np.testing.assert_allclose(few, whole, rtol=1e-4, atol=1e-5 * scale)


@pytest.mark.parametrize(("policy", "options"), QUESTIONS[:3])
def test_hundreds_of_different_jobs(policy: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    whole, few = both(go.examples.crowd(400, 3, 3.0, seed=6), policy, options, monkeypatch)
    np.testing.assert_allclose(few, whole, rtol=1e-4)


def test_a_price_with_a_far_side() -> None:
    """Two jobs use up a type of their own: one more is worth nothing, one less costs a whole job."""
    rates = np.zeros((2_000, 3))
    rates[:, :2] = np.random.default_rng(0).random((2_000, 2)) + np.array([1.0, 0.5])
    rates[:2, 2] = 1000.0
    prices = go.solve(go.Instance.from_arrays(rates, [300, 400, 2]), "max_sum").prices
    assert prices is not None
    assert prices.one_sided is not None
    more, less = prices.one_sided["a2"]
    assert more == pytest.approx(0.0, abs=1e-6)
    assert 990.0 < less < 1000.1


def test_a_type_left_over_does_not_hide_that_prices_are_unique() -> None:
    rates = np.random.default_rng(1).random((2_000, 3)) + 0.2
    rates[:, 2] *= 0.01
    prices = go.solve(go.Instance.from_arrays(rates, [250, 250, 2_000]), "power_mean", p=-1.0, method="fast").prices
    assert prices is not None
    assert prices.unique
    assert prices.sides is not None
    assert prices.sides[2] == pytest.approx(0.0, abs=1e-9 * prices.sides.max())
