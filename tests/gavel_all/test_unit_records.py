"""The figures that Gavel's own unit tests give when solved exactly (its tests mostly ask only that nothing is raised)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import gavelopt as go
from tests.gavel_all.questions import by_hand

RATES = [[2.0, 1.0, 0.5], [3.0, 2.0, 1.0]]  # two jobs on v100, p100, k80
UNHURT = {(0, 1): [[2.0, 3.0], [1.0, 2.0], [0.5, 1.0]]}  # together as fast as alone
ONE_EACH = [1.0, 1.0, 1.0]


@pytest.mark.parametrize("scale", [(1, 1), (2, 1), (2, 2), (4, 1)], ids=str)
@pytest.mark.parametrize("count", [(4, 4, 4), (4, 8, 6)], ids=str)
def test_isolated_equals_agnostic_max_min(scale: tuple[int, int], count: tuple[int, int, int]) -> None:
    """The smallest accelerator time (share times gang) is the same under both."""
    instance = by_hand(RATES, count, scale=scale).instance()
    smallest = []
    for policy in ("isolated", "max_min_fairness"):
        allocation = go.solve(instance, policy).allocation
        assert allocation is not None
        smallest.append(float((allocation.shares * np.array(scale)).min()))
    assert smallest[0] == pytest.approx(smallest[1], rel=1e-6)


def test_max_min_on_1_2_3() -> None:
    """prop = (2 + 2 + 1.5) / 6 and (3 + 4 + 3) / 6; job 0 gets a of the v100 and the p100 for the rest: 12/11 (1 + a),
    job 1 the rest of the v100: 3/5 (3 (1 - a) + 2 a); equal at a = 39/93."""
    a = Fraction(39, 93)
    value = go.solve(by_hand(RATES, [1, 2, 3]).instance(), "max_min_fairness_perf").value
    assert Fraction(12, 11) * (1 + a) == Fraction(6, 10) * (3 - a)
    assert value == pytest.approx(float(Fraction(12, 11) * (1 + a)), rel=1e-9)


def test_packed_max_min() -> None:
    assert packed("max_min_fairness_packed").value == pytest.approx(1.5)


def test_packed_water_filling_levels() -> None:
    solution = packed("max_min_fairness_water_filling_packed")
    np.testing.assert_allclose(solution.levels, [12 / 7, 1.5], rtol=1e-7)


def packed(policy: str, **columns: Any) -> go.Solution:
    return go.solve(by_hand(RATES, ONE_EACH, UNHURT, **columns).instance(), policy)


def test_packed_by_job_type() -> None:
    """Each runs at half speed beside the other, no better than in turns: 12/7 max-min for both as without sharing."""
    rates = [[2.0, 1.0, 0.5], [10.0, 5.0, 2.5]]
    halves = {(0, 1): [[1.0, 5.0], [0.5, 2.5], [0.25, 1.25]]}
    shared = go.solve(by_hand(rates, ONE_EACH, halves).instance(), "max_min_fairness_packed")
    alone = go.solve(by_hand(rates, ONE_EACH).instance(), "max_min_fairness_perf")
    assert shared.value == pytest.approx(alone.value, rel=1e-9)
    # each half the time on v100, half on p100: 1.5 of prop 3.5 / 3
    assert shared.value == pytest.approx(9 / 7)


ISOLATED = {"finish_time_fairness_packed": (3.5 / 3, 2.0), "finish_time_fairness_perf": (5.5 / 6, 10.0 / 6)}


@pytest.mark.parametrize(
    ("policy", "count", "first", "second"),
    [
        ("finish_time_fairness", (1, 2, 3), 1.0, 2 / 3),
        ("finish_time_fairness_perf", (1, 2, 3), 0.645833, 0.402778),
        ("finish_time_fairness_packed", (1, 1, 1), 2 / 3, 0.4),
    ],
)
def test_finish_time_fairness_over_two_calls(
    policy: str, count: tuple[int, int, int], first: float, second: float
) -> None:
    """300 and 500 steps left, then 200 and 300: what was done counts at the isolated rates of the first call."""
    rate = np.array(ISOLATED.get(policy, (2.0, 3.0)))  # as on v100, all the time: a slice of 3 is cut to 1
    if policy == "finish_time_fairness_packed":
        rate = np.array([3.5, 6.0]) / 3
    before = by_hand(RATES, count, UNHURT, steps=[300.0, 500.0])
    after = by_hand(RATES, count, UNHURT, steps=[200.0, 300.0], isolated_elapsed=np.array([100.0, 200.0]) / rate)
    assert go.solve(before.instance(), policy).value == pytest.approx(first, rel=1e-5)
    assert go.solve(after.instance(), policy).value == pytest.approx(second, rel=1e-5)


def test_sums() -> None:
    plain = by_hand(RATES, ONE_EACH)
    assert go.solve(plain.instance(), "max_sum_throughput_perf").value == pytest.approx(4.0)
    per_cost = 2.0 / 3.1 + 1.0 / 0.8
    assert per_cost == pytest.approx(1.895161, abs=1e-6)
    assert go.solve(plain.instance(), "max_sum_throughput_normalized_by_cost_perf").value == pytest.approx(per_cost)
    dated = by_hand(RATES, ONE_EACH, steps=[100.0, 100.0], deadline_s=[1000.0, np.nan])
    solution = go.solve(dated.instance(), "max_sum_throughput_normalized_by_cost_perf_SLOs")
    assert solution.value == pytest.approx(per_cost)
    assert solution.allocation is not None
    assert solution.allocation.rates[0] >= 0.1 - 1e-9


def test_packed_sum_with_an_slo() -> None:
    """All costs 1: both on the v100 all the time, 2 + 3."""
    question = by_hand(RATES, ONE_EACH, UNHURT, steps=[100.0, 100.0], deadline_s=[1000.0, np.nan])
    instance = question.instance()
    even = go.Instance(
        go.Cluster(instance.cluster.accelerators, ONE_EACH, ONE_EACH), instance.jobs, instance.throughputs
    )
    assert go.solve(even, "max_sum_throughput_normalized_by_cost_packed_SLOs").value == pytest.approx(5.0)


def test_gandiva_without_shortage_is_the_isolated_split() -> None:
    instance = by_hand(RATES, ONE_EACH, UNHURT).instance()
    gandiva, isolated = go.solve(instance, "gandiva").allocation, go.solve(instance, "isolated").allocation
    assert gandiva is not None
    assert isolated is not None
    np.testing.assert_allclose(gandiva.matrix, isolated.matrix)
