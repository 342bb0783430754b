"""What-if questions: values before and after on one yardstick, forecasts that hold, frontiers that rise and bend."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import gavelopt as go
from tests.audit.cases import TABLES, measured, said, two_types

POLICIES = ("max_sum", "max_min", "makespan", "ftf", "proportional_fairness", "power_mean", "water_filling")


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("policy", POLICIES)
def test_more_accelerators_never_hurt_and_the_forecast_bounds_them(shared_data: Path, table: str, policy: str) -> None:
    instance = measured(shared_data, table, 32, "12:12:12")
    better = 1.0 if go.solve(instance, policy).policy.sense == "max" else -1.0
    for number in (0.25, 4.0):
        answer = go.what_if(instance, policy, add={"v100": number})
        assert answer.change is not None
        assert answer.before.value is not None
        assert better * answer.change >= -1e-5 * abs(answer.before.value)
        assert answer.forecast is not None
        assert answer.after.value is not None
        assert better * (answer.forecast - answer.after.value) >= -1e-5 * abs(answer.after.value)
        assert answer.cost_per_hour == pytest.approx(2.48 * number)
        assert answer.change_per_dollar == pytest.approx(answer.change / answer.cost_per_hour)


def test_the_forecast_is_exact_for_a_little_more() -> None:
    instance = two_types([[10.0, 1.0], [2.0, 1.0]], count=(1, 2), cost_per_hour=[5.0, 1.0])
    answer = go.what_if(instance, "max_sum", add={"fast": 0.5})
    assert answer.before.prices is not None
    assert answer.before.prices.per_dollar == {"fast": pytest.approx(0.2), "slow": 0.0}
    assert answer.after.value == pytest.approx(11.5)
    assert answer.forecast == pytest.approx(11.5)
    assert answer.change_per_dollar == pytest.approx(0.2)
    json.dumps(answer.to_dict(), allow_nan=False)
    text = said(answer)
    assert "max_sum with +0.5 fast" in text
    assert "1 faster, 0 slower" in text


def test_the_yardstick_stands_still() -> None:
    """Max-min divides by the equal share of the cluster; a larger cluster must not move the divisor."""
    instance = two_types([[4.0, 1.0], [4.0, 1.0]], count=(1, 1))
    answer = go.what_if(instance, "max_min", add={"fast": 1.0})
    assert answer.before.value == pytest.approx(1.0)
    assert answer.after.value == pytest.approx(4.0 / 2.5)
    alone = go.solve(instance.adding({"fast": 1.0}), "max_min")
    assert alone.value == pytest.approx(4.0 / 3.0)  # by its own larger share
    shrunk = go.what_if(instance, "max_min", add={"fast": -1.0})
    assert shrunk.after.value == pytest.approx(0.5 / 2.5)
    assert shrunk.forecast is None


@pytest.mark.parametrize("table", TABLES)
def test_a_frontier_rises_and_bends_down(shared_data: Path, table: str) -> None:
    drawn = measured(shared_data, table, 32, "12:12:12")
    instance = drawn.take(np.flatnonzero(drawn.jobs.scale_factor == 1))  # no cell opens with more accelerators
    counts = [1, 2, 4, 8, 16, 32]
    curve = go.frontier(instance, "max_min", "v100", counts)
    value = np.array([point.value for point in curve])
    assert [point.count for point in curve] == counts
    assert (np.diff(value) >= -1e-9).all()
    slope = np.diff(value) / np.diff(counts)
    assert (np.diff(slope) <= 1e-9).all()
    price = np.array([point.price for point in curve])
    assert (slope <= price[:-1] + 1e-9).all()
    assert (slope >= price[1:] - 1e-9).all()
    assert list(curve.to_frame().index) == counts
    assert "max_min against the count of v100" in said(curve)
    json.dumps(curve.to_dict(), allow_nan=False)


def test_a_gang_that_begins_to_fit_has_no_forecast() -> None:
    instance = two_types([[4.0, 1.0], [9.0, 0.0]], count=(1, 1), scale=[1, 2])
    answer = go.what_if(instance, "max_sum", add={"fast": 1.0})
    assert answer.forecast is None
    assert answer.change == pytest.approx(6.0)


def test_a_count_without_an_answer_is_a_point_with_its_reason() -> None:
    instance = two_types([[4.0, 0.0], [4.0, 0.0]], count=(1, 1))
    curve = go.frontier(instance, "proportional_fairness", "fast", [0, 1])
    assert (curve[0].status, curve[0].value) == ("infeasible", None)
    assert "can run on no type" in curve[0].message
    assert curve[1].status == "optimal"
    assert "infeasible" in said(curve)


def test_mistakes_are_named() -> None:
    instance = two_types([[4.0, 2.0]])
    with pytest.raises(go.UnknownName, match="did you mean 'fast'"):
        go.what_if(instance, "max_sum", add={"fasst": 1})
    with pytest.raises(go.InputError, match="count out of range"):
        go.what_if(instance, "max_sum", add={"fast": -2})
    with pytest.raises(go.InputError, match="a frontier needs counts"):
        go.frontier(instance, "max_sum", "fast", [])
    with pytest.raises(go.UnknownName, match="unknown accelerator"):
        go.frontier(instance, "max_sum", "h100", [1])


def test_a_reference_of_other_accelerators_is_refused() -> None:
    instance = two_types([[4.0, 2.0]])
    with pytest.raises(go.InputError, match="accelerator"):
        instance.replace(reference=go.Cluster({"v100": 1}))
