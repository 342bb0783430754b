"""Prices against re-solving apart from the library: one more unit, slightly more, slightly less.

The references by which rates are normalised are data of the question and stay as they are while a count changes.
Counts are larger than the largest gang, so that no cell opens or closes on the way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import gavelopt as go
from tests.gavel import oracle
from tests.gavel.instances import Array, Plain, draw

Value = Callable[[Plain], float]
STEP = 1e-3


def worth(question: Plain) -> dict[str, tuple[dict[str, object], Value]]:
    """Policies with their options and their value as a function of the counts alone."""
    reference = oracle.references(question)
    ones = np.ones(len(question.scale))
    fair = question.scale / (question.weight * reference["proportional"])
    return {
        "max_sum": ({}, lambda p: oracle.largest_sum(p, ones)),
        "max_min": ({}, lambda p: oracle.largest_minimum(p, fair)),
        "makespan": ({}, oracle.shortest_makespan),
        "ftf": ({}, lambda p: oracle.fairest_finish(p, reference["isolated"])),
        "proportional_fairness": ({}, lambda p: oracle.smooth(p, ones, question.weight, 0.0)[0]),
        "power_mean": (
            {"p": -1.0},
            lambda p: oracle.smooth(p, p.scale / reference["proportional"], question.weight, -1.0)[0],
        ),
    }


POLICIES = ("max_sum", "max_min", "makespan", "ftf", "proportional_fairness", "power_mean")
CASES = [("simulation", 32, "9:10:11"), ("physical_cluster", 28, "12:9:9"), ("simulation", 16, "36:9:11")]
DECADES = (6.0, 7.0)  # of steps: close enough that more than one job matters to a makespan


def more(question: Plain, column: int, amount: float) -> Plain:
    count = question.count.copy()
    count[column] += amount
    return replace(question, count=count)


def slopes(value: Value, question: Plain) -> Array:
    """(R, 2) numerical derivatives to the right and to the left, of second order in STEP."""
    here = value(question)
    found = np.empty((len(question.count), 2))
    for column in range(len(question.count)):
        for side, step in enumerate((STEP, -STEP)):
            near, far = (value(more(question, column, k * step)) for k in (1, 2))
            found[column, side] = (4 * near - far - 3 * here) / (2 * step)
    return found


# where a type is not scarce the barrier oracle of the smooth policies is too flat to be differenced
PAIRS = [(case, name) for case in CASES for name in POLICIES if case is not CASES[2] or name not in POLICIES[4:]]


@pytest.mark.parametrize(("case", "name"), PAIRS, ids=str)
def test_one_sided_prices_are_the_one_sided_derivatives(
    case: tuple[str, int, str], name: str, shared_data: Path
) -> None:
    table, jobs, cluster = case
    question = draw(shared_data / "gavel" / f"{table}_throughputs.json", jobs, cluster, jobs, decades=DECADES)
    options, value = worth(question)[name]
    solution = go.solve(question.instance(), name, **options)  # type: ignore[arg-type]
    assert solution.prices is not None
    assert solution.prices.sides is not None
    expected = slopes(value, question)
    room = 2e-4 * np.abs(expected).max() + 1e-8 * abs(value(question))
    np.testing.assert_allclose(solution.prices.sides, expected, rtol=1e-3, atol=room)
    assert solution.prices.unique == (np.abs(expected[:, 0] - expected[:, 1]).max() <= 2 * room)
    per_unit = np.array([solution.prices[t] for t in question.types])
    low, high = np.sort(solution.prices.sides, axis=1).T
    assert ((low - room <= per_unit) & (per_unit <= high + room)).all()


def utility(name: str, value: float) -> float:
    """What is piecewise linear in the counts: the value, or one over a makespan."""
    return 1.0 / value if name == "makespan" else value


def utility_slope(name: str, value: float) -> float:
    return -1.0 / value**2 if name == "makespan" else 1.0


@pytest.mark.parametrize("name", ["max_sum", "max_min", "makespan"])
def test_a_unique_price_is_the_gain_of_one_more_unit(name: str, shared_data: Path) -> None:
    """Wherever the price at one more unit is still the same, the gain of the whole unit is the price."""
    held = 0
    for seed in range(12):
        question = draw(shared_data / "gavel" / "simulation_throughputs.json", 48, "9:10:11", seed, decades=DECADES)
        options, value = worth(question)[name]
        prices = go.solve(question.instance(), name, **options).prices  # type: ignore[arg-type]
        assert prices is not None
        if not prices.unique:
            continue
        for column, accelerator in enumerate(question.types):
            larger = more(question, column, 1.0)
            here, there, before = (
                utility(name, value(p)) for p in (question, larger, more(question, column, 1 - STEP))
            )
            price = prices[accelerator] * utility_slope(name, value(question))
            gain, last = there - here, (there - before) / STEP
            assert gain <= price + 1e-6 * here, "a concave value gains at most its price"
            if abs(last - price) <= 1e-5 * price:
                assert gain == pytest.approx(price, rel=1e-5)
                held += 1
    assert held >= 3, "no instance kept its basis: choose others"


def test_prices_that_are_not_unique_say_so(shared_data: Path) -> None:
    """Single-GPU jobs on whole GPUs: the optimum is an assignment, and its prices are an interval."""
    question = draw(shared_data / "gavel" / "simulation_throughputs.json", 40, "9:10:11", seed=1)
    question = replace(question, scale=np.ones(40))
    prices = go.solve(question.instance(), "max_sum").prices
    assert prices is not None
    assert prices.unique is False
    assert prices.one_sided is not None
    expected = slopes(lambda p: oracle.largest_sum(p, np.ones(40)), question)
    for column, accelerator in enumerate(question.types):
        assert prices.one_sided[accelerator] == pytest.approx(tuple(expected[column]), rel=1e-4)
    assert (expected[:, 0] < expected[:, 1] - 1e-3).any()


def test_more_of_what_nobody_needs_is_worth_nothing() -> None:
    """A minimum that one job fixes at 0, and a cluster larger than all demand: more capacity changes nothing."""
    stuck = go.Instance.from_arrays([[1.0], [1.0], [1.0]], [1.0], scale=[1, 1, 2])
    solution = go.solve(stuck, "max_min")
    assert solution.value == 0.0
    assert solution.prices is not None
    assert dict(solution.prices) == {"a0": 0.0}
    assert solution.prices.one_sided == {"a0": (0.0, 0.0)}
    plenty = go.solve(go.Instance.from_arrays([[1.0, 2.0], [3.0, 1.0]], [9.0, 9.0]), "max_sum")
    assert plenty.prices is not None
    assert dict(plenty.prices) == {"a0": 0.0, "a1": 0.0}
    assert plenty.prices.unique is True
