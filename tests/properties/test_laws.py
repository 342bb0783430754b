"""Laws of the policies, on random instances: what theory says must not move, and what must move how."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gavelopt as go
from tests.gavel.instances import Plain

CHECKS = settings(max_examples=25, deadline=None, derandomize=True, database=None)
Variant = tuple[str, dict[str, Any]]

FAIR: list[Variant] = [
    ("max_min", {}),
    ("power_mean", {"p": -1.0}),
    ("power_mean", {"p": 0.0}),
    ("power_mean", {"p": 1.0}),
]
UNITLESS: list[Variant] = [*FAIR, ("makespan", {}), ("ftf", {}), ("max_sum", {"normalize": "best"}), ("sjf", {})]
FIXED: list[Variant] = [  # whose references do not move with the counts
    ("max_sum", {}),
    ("max_sum", {"normalize": "best"}),
    ("max_min", {"normalize": None}),
    ("makespan", {}),
    ("sjf", {}),
    ("proportional_fairness", {}),
    ("power_mean", {"p": -1.0, "normalize": None}),
]


@st.composite
def questions(draw: st.DrawFn, jobs: int = 5, types: int = 3) -> Plain:
    """Everybody can run everywhere, on counts larger than every gang; rates over three decades, steps over four."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    rates = 10 ** rng.uniform(-1, 2, (jobs, types))
    if draw(st.booleans()):
        rates[1] = rates[0]
    return Plain(
        rates,
        rng.integers(8, 13, types).astype(float),
        rng.choice([1.0, 2.0, 4.0, 8.0], jobs),
        rng.choice([1.0, 5.0, 0.5], jobs),
        10 ** rng.uniform(3, 7, jobs),
        rng.choice([0.0, 100.0], jobs),
        np.zeros(jobs),
        ("v100", "p100", "k80"),
    )


def value(question: Plain, variant: Variant) -> float:
    solution = go.solve(question.instance(), variant[0], **variant[1])
    assert solution.status == "optimal", solution
    assert solution.value is not None
    return solution.value


@pytest.mark.parametrize("variant", UNITLESS, ids=str)
@CHECKS
@given(question=questions(), factor=st.sampled_from((1e-4, 0.1, 60.0, 1e5)))
def test_a_jobs_unit_does_not_matter(variant: Variant, question: Plain, factor: float) -> None:
    """Counting one job's steps in other units (rates and steps times a factor) changes nothing."""
    rates, steps = question.rates.copy(), question.steps.copy()
    rates[2] *= factor
    steps[2] *= factor
    other = replace(question, rates=rates, steps=steps)
    assert value(other, variant) == pytest.approx(value(question, variant), rel=2e-6)


@CHECKS
@given(question=questions(), factor=st.sampled_from((1e-4, 0.1, 60.0, 1e5)))
def test_proportional_fairness_keeps_its_allocation_under_units(question: Plain, factor: float) -> None:
    rates = question.rates.copy()
    rates[2] *= factor
    here = go.solve(question.instance(), "proportional_fairness")
    there = go.solve(replace(question, rates=rates).instance(), "proportional_fairness")
    assert here.value is not None
    shift = question.weight[2] * np.log(factor)
    assert there.value == pytest.approx(here.value + shift, abs=2e-6 * question.weight.sum())
    assert here.allocation is not None
    assert there.allocation is not None
    expected = here.allocation.rates * np.where(np.arange(5) == 2, factor, 1.0)
    np.testing.assert_allclose(there.allocation.rates, expected, rtol=1e-3)


@pytest.mark.parametrize("variant", FIXED, ids=str)
@CHECKS
@given(question=questions(), column=st.integers(0, 2), amount=st.sampled_from((0.25, 1.0, 7.0, 1000.0)))
def test_more_capacity_never_hurts(variant: Variant, question: Plain, column: int, amount: float) -> None:
    more = question.count.copy()
    more[column] += amount
    before, after = value(question, variant), value(replace(question, count=more), variant)
    sign = -1.0 if variant[0] in ("makespan", "sjf") else 1.0
    assert sign * (after - before) >= -2e-6 * max(abs(before), float(question.weight.sum()))


@pytest.mark.parametrize("variant", [v for v in FIXED if v[0] not in ("sjf",)], ids=str)
@CHECKS
@given(question=questions(), column=st.integers(0, 2), amount=st.sampled_from((1.0, 6.0)))
def test_each_further_accelerator_is_worth_less(variant: Variant, question: Plain, column: int, amount: float) -> None:
    """The value is concave in the counts (for the makespan: one over it)."""
    found = []
    for k in range(3):
        count = question.count.copy()
        count[column] += k * amount
        v = value(replace(question, count=count), variant)
        found.append(1.0 / v if variant[0] == "makespan" else v)
    scale = max(abs(found[1]), float(question.weight.sum()) if variant[0] == "proportional_fairness" else 0.0)
    assert found[2] - found[1] <= found[1] - found[0] + 4e-6 * scale


@CHECKS
@given(question=questions())
def test_power_means_rise_with_p_and_meet_their_limits(question: Plain) -> None:
    powers = (-np.inf, -30.0, -3.0, -1.0, 0.0, 0.5, 1.0)
    means = [value(question, ("power_mean", {"p": p})) for p in powers]
    assert all(low <= high * (1 + 2e-6) for low, high in pairwise(means))
    weighted = value(question, ("max_sum", {"normalize": "proportional", "weighted": True}))
    even = replace(question, scale=np.ones(5))
    mean = value(even, ("power_mean", {"p": 1.0}))
    assert mean == pytest.approx(
        value(even, ("max_sum", {"normalize": "proportional", "weighted": True})) / even.weight.sum()
    )
    assert weighted > 0
    plain = replace(question, weight=np.ones(5))
    assert value(plain, ("power_mean", {"p": -np.inf})) == pytest.approx(value(plain, ("max_min", {})), rel=2e-6)


@CHECKS
@given(question=questions(), factor=st.sampled_from((1e-3, 7.0, 1e4)))
def test_scales_of_the_whole_question(question: Plain, factor: float) -> None:
    faster = replace(question, rates=question.rates * factor)
    longer = replace(question, steps=question.steps * factor)
    heavier = replace(question, weight=question.weight * factor)
    assert value(faster, ("max_sum", {})) == pytest.approx(factor * value(question, ("max_sum", {})), rel=2e-6)
    assert value(faster, ("makespan", {})) == pytest.approx(value(question, ("makespan", {})) / factor, rel=2e-6)
    assert value(longer, ("makespan", {})) == pytest.approx(value(question, ("makespan", {})) * factor, rel=2e-6)
    assert value(heavier, ("max_min", {})) == pytest.approx(value(question, ("max_min", {})) / factor, rel=2e-6)
    for p in (1.0, 0.0, -2.0):
        mean = ("power_mean", {"p": p})
        assert value(heavier, mean) == pytest.approx(value(question, mean), rel=2e-6)
    nash: Variant = ("proportional_fairness", {})
    room = 2e-6 * factor * question.weight.sum()
    assert value(heavier, nash) == pytest.approx(factor * value(question, nash), abs=room)


@pytest.mark.parametrize("variant", [*FAIR, *FIXED], ids=str)
@CHECKS
@given(question=questions())
def test_one_type_as_two_is_still_one(variant: Variant, question: Plain) -> None:
    """A type split into two names with the same rates; both halves are still larger than every gang."""
    count = question.count + np.array([0.0, 0.0, 10.0])
    whole = replace(question, count=count)
    halves = replace(
        whole,
        rates=question.rates[:, [0, 1, 2, 2]],
        count=np.array([count[0], count[1], count[2] - 8.0, 8.0]),
        types=("v100", "p100", "k80", "k80 again"),
    )
    scale = float(question.weight.sum()) if variant[0] == "proportional_fairness" else 0.0
    assert value(halves, variant) == pytest.approx(value(whole, variant), rel=2e-6, abs=2e-6 * scale)


@pytest.mark.parametrize("variant", FIXED, ids=str)
@CHECKS
@given(question=questions(), idle=st.sampled_from((1.0, 50.0)))
def test_a_type_on_which_nothing_runs_is_worth_nothing(variant: Variant, question: Plain, idle: float) -> None:
    scale = float(question.weight.sum()) if variant[0] == "proportional_fairness" else 0.0
    assert value(beside_idle(question, idle), variant) == pytest.approx(
        value(question, variant), rel=2e-6, abs=2e-6 * scale
    )


@pytest.mark.parametrize("variant", FAIR, ids=str)
@CHECKS
@given(question=questions(), idle=st.sampled_from((1.0, 50.0)))
def test_a_useless_type_dilutes_the_proportional_reference(variant: Variant, question: Plain, idle: float) -> None:
    """The proportional reference counts all accelerators, so it falls, and normalised rates rise by the same factor."""
    total = question.count.sum()
    expected = value(question, variant) * (total + idle) / total
    assert value(beside_idle(question, idle), variant) == pytest.approx(expected, rel=2e-6)


def beside_idle(question: Plain, idle: float) -> Plain:
    return replace(
        question,
        rates=np.column_stack([question.rates, np.zeros(len(question.rates))]),
        count=np.append(question.count, idle),
        types=(*question.types, "idle"),
    )


@pytest.mark.parametrize(
    ("variant", "power"), [(("max_sum", {}), 1), (("makespan", {}), 0), (("max_min", {}), 0)], ids=str
)
@CHECKS
@given(question=questions(), copies=st.sampled_from((2, 3)))
def test_clusters_side_by_side(variant: Variant, power: int, question: Plain, copies: int) -> None:
    """k copies of the jobs on k times the cluster: sums grow k-fold, minima and times stay."""
    columns = {name: np.concatenate([getattr(question, name)] * copies) for name in ("scale", "weight", "steps")}
    other = replace(
        question,
        rates=np.vstack([question.rates] * copies),
        count=copies * question.count,
        elapsed=np.zeros(5 * copies),
        isolated_elapsed=np.zeros(5 * copies),
        **columns,
    )
    assert value(other, variant) == pytest.approx(copies**power * value(question, variant), rel=2e-6)


@CHECKS
@given(question=questions())
def test_fairness_never_falls_below_the_isolated_share(question: Plain) -> None:
    """The isolated split is within the base constraints: finish-time ratios of new jobs are at most 1."""
    new = replace(question, elapsed=np.zeros(5))
    assert value(new, ("ftf", {})) <= 1 + 1e-6
    isolated = go.solve(new.instance(), "isolated")
    assert isolated.allocation is not None
    assert isolated.value is not None
    assert isolated.value <= value(new, ("max_sum", {})) * (1 + 1e-6)


@CHECKS
@given(question=questions(), job=st.integers(0, 4), factor=st.sampled_from((1.5, 10.0)))
def test_more_weight_never_means_a_smaller_share_of_max_min(question: Plain, job: int, factor: float) -> None:
    heavier = question.weight.copy()
    heavier[job] *= factor
    before = value(question, ("max_min", {}))
    after = value(replace(question, weight=heavier), ("max_min", {}))
    # the smallest weighted level cannot rise, and times the weight (what the job is due) it cannot fall
    assert after <= before * (1 + 1e-6)
    assert after * factor >= before * (1 - 1e-6)
