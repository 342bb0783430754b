"""Violations planted in answers: each is caught, and by the check that bears its name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import gavelopt as go
from gavelopt.engine.problem import Problem
from gavelopt.judge.check import check
from gavelopt.judge.verdict import Verdict, judge
from gavelopt.model.arrays import FloatArray

# two types; job 2 holds a gang of 4 and fits on the second type only; job 1 is unknown on the second
INSTANCE = go.Instance.from_arrays(
    [[2.0, 1.0], [3.0, np.nan], [8.0, 5.0]], [2.0, 6.0], scale=[1, 1, 4], steps=[10.0, 20.0, 30.0]
)
GOOD = np.array([[0.5, 0.5], [1.0, 0.0], [0.0, 1.0]])


def graded(x: FloatArray, policy: str = "max_sum") -> Verdict:
    chosen = go.solve(INSTANCE, policy).policy
    problem = Problem(INSTANCE, chosen)
    return judge(INSTANCE, chosen, problem.space, x, measured=problem.measured, utility=problem.utility)


def planted(change: Callable[[FloatArray], None]) -> FloatArray:
    x = GOOD.copy()
    change(x)
    return x.ravel()


def put(row: int, column: int, value: float) -> Callable[[FloatArray], None]:
    return lambda x: x.__setitem__((row, column), value)


PLANTED: dict[str, tuple[FloatArray, str, str | None]] = {
    "negative time": (planted(put(0, 0, -1e-6)), "nonnegative", "j0 on a0"),
    "more than all the time": (planted(put(0, 1, 0.6)), "time", "j0"),
    "more than the capacity": (
        planted(lambda x: x.__setitem__(slice(None), [[1, 0], [1.5, 0], [0, 1]])),
        "capacity",
        "a0",
    ),
    "a gang larger than the type": (planted(put(2, 0, 1e-3)), "usable cells", "j2 on a0"),
    "an unknown rate": (planted(put(1, 1, 1e-3)), "usable cells", "j1 on a1"),
    "no number": (planted(put(0, 0, np.nan)), "numbers", None),
    "infinite": (planted(put(0, 0, np.inf)), "numbers", None),
    "too long": (np.append(GOOD.ravel(), 0.0), "numbers", None),
    "too short": (GOOD.ravel()[:-1], "numbers", None),
    "a matrix": (GOOD, "numbers", None),
}


def test_the_good_answer_passes() -> None:
    verdict = graded(GOOD.ravel())
    assert all(c.passed for c in verdict.checks)
    assert {c.name for c in verdict.checks} == {"nonnegative", "usable cells", "time", "capacity"}
    assert verdict.value == pytest.approx(0.5 * 2 + 0.5 * 1 + 3 + 5)


@pytest.mark.parametrize("policy", ["max_sum", "max_min", "makespan", "sjf", "isolated", "power_mean"])
@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_violation_is_caught(name: str, policy: str) -> None:
    x, caught_by, worst = PLANTED[name]
    verdict = graded(x, policy)
    assert verdict.status == "failed"
    assert verdict.value is None
    assert verdict.bound is None
    broken = {c.name: c for c in verdict.checks if not c.passed}
    assert caught_by in broken
    assert caught_by in verdict.message
    if worst is not None:
        assert broken[caught_by].worst == worst


def test_a_closed_form_that_is_not_followed_is_caught() -> None:
    right = go.solve(INSTANCE, "isolated").allocation
    assert right is not None
    assert graded(right.x, "isolated").status == "optimal"
    verdict = graded(right.x * 0.999, "isolated")
    assert verdict.status == "failed"
    assert [c.name for c in verdict.checks if not c.passed] == ["rule"]


def test_an_answer_that_misses_a_floor_is_caught() -> None:
    problem = Problem(INSTANCE, go.solve(INSTANCE, "max_sum").policy)
    floors = [go.RateFloor("slo", np.array([1.5, 0.0, 5.1]))]
    residual = {c.name: c for c in check(problem.space, GOOD.ravel(), floors)}
    assert residual["slo"].residual == pytest.approx(0.1 / 5.1)
    assert residual["slo"].worst == "j2"
    assert not residual["slo"].passed


def test_negative_time_too_small_to_see_buys_no_capacity() -> None:
    """A thousand cells just within the limit of "nonnegative" must not pay for time elsewhere."""
    jobs = 2000
    instance = go.Instance.from_arrays(np.ones((jobs, 1)), [2.0])
    problem = Problem(instance, go.solve(instance, "max_sum", method="equal_share").policy)
    x = np.full(jobs, -0.99e-7)
    x[:2] = 1.0
    x[2] = 1.5e-4  # what the negative cells seem to leave free
    assert problem.space.usage(x)[0] <= 2.0
    residual = {c.name: c for c in check(problem.space, x)}
    assert not residual["capacity"].passed


def test_residuals_are_relative_to_the_right_hand_side() -> None:
    instance = go.Instance.from_arrays(np.ones((3, 1)), [1e6], scale=[500_000] * 3)
    space = instance.space()
    over = {c.name: c.residual for c in check(space, np.array([1.0, 1.0, 1e-6]))}
    assert over["capacity"] == pytest.approx(0.5e-6)
    assert over["time"] == 0.0
