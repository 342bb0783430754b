"""Steps around the solver: tidying its numbers, merging identical jobs and coming back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import gavelopt as go
from gavelopt.engine.aggregate import merge
from gavelopt.engine.problem import Problem
from gavelopt.judge.certify import upper_bound
from gavelopt.judge.check import check, tidy
from gavelopt.testing import instances

CHECKS = settings(max_examples=60, deadline=None, derandomize=True, database=None)
NEAR = st.one_of(st.floats(-1e-3, 1.5), st.sampled_from((0.0, 1.0, -1e-9, 1 + 1e-9, 0.25)))


@CHECKS
@given(instance=instances(min_jobs=1), data=st.data())
def test_tidy_makes_any_numbers_feasible(instance: go.Instance, data: st.DataObject) -> None:
    space = instance.space()
    x = data.draw(arrays(float, space.size, elements=NEAR))
    clean = tidy(space, x)
    before = {c.name: c.residual for c in check(space, x)}
    after = {c.name: c.residual for c in check(space, clean)}
    for name, residual in after.items():
        assert residual <= max(1e-12, 0.0)
        assert residual <= max(before[name], 1e-12)
    assert (clean <= np.maximum(x, 0.0) + 1e-15).all(), "time is only taken away"


@CHECKS
@given(instance=instances(min_jobs=1), data=st.data())
def test_tidy_leaves_what_is_feasible(instance: go.Instance, data: st.DataObject) -> None:
    space = instance.space()
    clean = tidy(space, data.draw(arrays(float, space.size, elements=NEAR)))
    inside = 0.999 * clean
    np.testing.assert_array_equal(tidy(space, inside), inside)


def crowd(kinds: int, jobs: int, seed: int) -> go.Instance:
    """Many jobs of a few kinds, alike in rates, gang, weight and steps."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, kinds, jobs)
    return go.Instance.from_arrays(
        rng.uniform(0.5, 5.0, (kinds, 3))[kind],
        [5.0, 7.0, 9.0],
        scale=rng.choice([1, 2, 4], kinds)[kind],
        weight=rng.choice([1.0, 5.0], kinds)[kind],
        steps=10 ** rng.uniform(3, 6, kinds)[kind],
        elapsed_s=rng.choice([0.0, 500.0], kinds)[kind],
    )


MERGED: list[tuple[str, dict[str, Any]]] = [
    ("max_sum", {}),
    ("max_min", {}),
    ("makespan", {}),
    ("ftf", {}),
    ("proportional_fairness", {}),
    ("power_mean", {"p": 0.5}),
    ("power_mean", {"p": -1.0}),
    ("power_mean", {"p": -10.0}),
]


@pytest.mark.parametrize(("name", "options"), MERGED, ids=str)
def test_merged_and_unmerged_agree(name: str, options: dict[str, Any]) -> None:
    for seed in range(3):
        instance = crowd(6, 40, seed)
        merged = go.solve(instance, name, method="exact", **options)
        apart = go.solve(instance, name, method="exact", aggregate=False, **options)
        assert merged.status == apart.status == "optimal"
        assert merged.value == pytest.approx(apart.value, rel=1e-7)
        assert "merged into 6 kinds" in merged.attempts[0].detail
        assert merged.allocation is not None
        _, first, kind = np.unique(instance.rates, axis=0, return_index=True, return_inverse=True)
        matrix = merged.allocation.matrix
        np.testing.assert_allclose(
            matrix, matrix[first][kind.ravel()], atol=1e-15, err_msg="equals are treated equally"
        )


@pytest.mark.parametrize(("name", "options"), MERGED, ids=str)
def test_a_proof_on_classes_is_a_proof_on_jobs(name: str, options: dict[str, Any]) -> None:
    problem = Problem(crowd(5, 30, 9), go.solve(crowd(2, 3, 0), name, **options).policy)
    assert problem.utility is not None
    merged = merge(problem.space, problem.utility)
    assert merged is not None
    rng = np.random.default_rng(0)
    x = tidy(merged.space, rng.random(merged.space.size))
    whole = merged.expand(x)
    assert all(c.passed for c in check(problem.space, whole))
    small = merged.utility.value(merged.space.rate(x))
    assert problem.utility.value(problem.space.rate(whole)) == pytest.approx(small, rel=1e-9)
    found = go.Multipliers(rng.random(3), rng.random(5), merged.space.rate(x))
    expected = upper_bound(merged.space, merged.utility, found)
    assert upper_bound(problem.space, problem.utility, merged.expand_multipliers(found)) == pytest.approx(
        expected, rel=1e-9
    )


def test_a_weight_or_a_floor_keeps_jobs_apart() -> None:
    table = np.ones((4, 2))
    instance = go.Instance.from_arrays(table, [1.0, 1.0], weight=[1.0, 1.0, 2.0, 2.0])
    problem = Problem(instance, go.solve(instance, "max_min").policy)
    assert problem.utility is not None
    merged = merge(problem.space, problem.utility)
    assert merged is not None
    assert merged.count.tolist() == [2.0, 2.0]
    solution = go.solve(instance, "max_min")
    assert solution.allocation is not None
    np.testing.assert_allclose(solution.allocation.shares, [1 / 3, 1 / 3, 2 / 3, 2 / 3], rtol=1e-9)


@pytest.mark.parametrize("policy", ["max_sum", "makespan", "max_min"])
def test_a_table_by_kind_is_merged_without_reading_it(policy: str) -> None:
    """Row numbers and gangs stand for rates and usable cells; jobs that differ in anything else stay apart."""
    random = np.random.default_rng(0)
    kind = random.integers(5, size=200)
    rates = np.where(random.random((5, 3)) < 0.2, np.nan, random.uniform(1, 9, (5, 3)))
    instance = go.Instance.from_arrays(
        rates, [3, 20, 40], kind=kind, scale=random.choice([1, 4], 200), steps=random.choice([10.0, 20.0], 200)
    )
    problem = Problem(instance, go.solve(instance, policy).policy)
    assert problem.row is not None
    assert problem.utility is not None
    quick = merge(problem.space, problem.utility, row=problem.row)
    slow = merge(problem.space, problem.utility)
    assert quick is not None
    assert slow is not None
    assert len(quick.count) == len(slow.count)  # no two rows of the table are equal
    assert (slow.member[quick.first][quick.member] == slow.member).all()
    agnostic = Problem(instance, go.solve(instance, "max_min", agnostic=True).policy)
    assert agnostic.row is None
