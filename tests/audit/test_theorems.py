"""Allocations that have a property by theorem: the audit finds nothing wrong.

Time budgets break some well-known theorems, so each is stated as it holds here. With prices p of accelerators and tau of
jobs' time (sum of w log r at its maximum), job i has  w_i T_ij / r_i <= s_i p_j + tau_i  for every type and pays
p.B_i = w_i - tau_i. Hence, for any gangs,

    V_i(B_k w_i / w_k) / r_i  <=  1 + tau_i / w_i - tau_k / w_k           envy-free where no time budget binds
    fair_i / r_i              <=  1 + tau_i / w_i - sum tau / sum w       sharing incentive where none binds
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gavelopt as go
from gavelopt.testing import instances
from tests.audit.cases import TABLES, measured, two_types

CLUSTERS = ("4:4:4", "4:12:20")
SLACK = 1e-3  # a certified gap of 1e-6 in a strictly concave value leaves about its square root in the rates


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("cluster", CLUSTERS)
@pytest.mark.parametrize("weighted", [False, True])
def test_nash_welfare_is_envy_free_fair_and_efficient_when_accelerators_are_scarce(
    shared_data: Path, table: str, cluster: str, weighted: bool
) -> None:
    instance = measured(shared_data, table, 64, cluster, weighted=weighted)
    solution = go.solve(instance, "proportional_fairness")
    assert solution.prices is not None
    assert solution.prices.jobs is not None
    unbound = solution.prices.jobs <= 1e-6
    assert solution.audit(tolerance=1e-5)["pareto_efficiency"].holds is True
    found = solution.audit(tolerance=SLACK)
    frame = found.to_frame()
    envy = frame["best_other_rate"] / frame["rate"]
    assert (envy[unbound] <= 1 + SLACK).all()
    if unbound.all():
        assert found["envy_freeness"].holds is True
        assert found["sharing_incentive"].holds is True


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("cluster", ["36:36:36", "12:12:12", "4:4:4"])
def test_the_envy_and_shortfall_of_nash_welfare_are_bounded_by_the_prices_of_time(
    shared_data: Path, table: str, cluster: str
) -> None:
    instance = measured(shared_data, table, 64, cluster, weighted=True)
    solution = go.solve(instance, "proportional_fairness")
    assert solution.prices is not None
    tau = np.asarray(solution.prices.jobs) / instance.jobs.weight
    frame = solution.audit().to_frame()
    rivals = np.array([instance.jobs.names.index(name) if name else 0 for name in frame["best_other"]])
    assert (frame["best_other_rate"] / frame["rate"] <= 1 + tau - tau[rivals] + 1e-2).all()
    mean = float(np.asarray(solution.prices.jobs).sum() / instance.jobs.weight.sum())
    assert (frame["fair_rate"] / frame["rate"] <= 1 + tau - mean + 1e-2).all()


@settings(max_examples=60, deadline=None)
@given(instances(min_jobs=1, max_jobs=5, decades=2.0))
def test_the_isolated_share_meets_the_sharing_incentive_with_equality(instance: go.Instance) -> None:
    columns = {"scale_factor": instance.jobs.scale_factor, "steps": 10.0}
    fresh = instance.replace(jobs=go.JobSet(instance.jobs.names, **columns), entities=())
    found = go.audit(fresh, go.Allocation(fresh.space(), go.isolated_share(fresh).ravel()), entitlement="equal")
    frame = found.to_frame()
    np.testing.assert_allclose(frame["rate"], frame["fair_rate"], rtol=1e-12)
    assert found["sharing_incentive"].holds is True
    np.testing.assert_allclose(frame["rho"].dropna(), 1.0, rtol=1e-9)
    uncut = len(fresh.jobs) * fresh.jobs.scale_factor >= fresh.cluster.count.sum()
    if uncut.all():  # a row that is cut to the job's time is cut evenly, not fastest first
        assert found["envy_freeness"].holds is True


@settings(max_examples=40, deadline=None)
@given(instances(min_jobs=1, max_jobs=5, decades=2.0))
def test_the_largest_total_is_efficient_and_costs_nothing(instance: go.Instance) -> None:
    solution = go.solve(instance, "max_sum")
    found = solution.audit()
    assert found["pareto_efficiency"].holds is True
    total = found.price_of_fairness["throughput"]
    assert total is None or abs(total) <= 1e-6


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("cluster", ["4:4:4", "12:12:12", "36:36:36"])
def test_new_jobs_never_end_late_under_finish_time_fairness(shared_data: Path, table: str, cluster: str) -> None:
    instance = measured(shared_data, table, 64, cluster)
    solution = go.solve(instance, "ftf")
    finding = solution.audit()["finish_time_fairness"]
    assert finding.holds is True
    assert finding.figure == pytest.approx(solution.value, rel=1e-6)


@pytest.mark.parametrize("table", TABLES)
def test_started_jobs_have_the_rho_that_the_policy_reports(shared_data: Path, table: str) -> None:
    instance = measured(shared_data, table, 64, "36:36:36", new=False)
    solution = go.solve(instance, "ftf")
    assert solution.audit()["finish_time_fairness"].figure == pytest.approx(solution.value, rel=1e-6)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("cluster", ["4:4:4", "36:36:36"])
def test_water_filling_is_efficient(shared_data: Path, table: str, cluster: str) -> None:
    instance = measured(shared_data, table, 64, cluster, weighted=True)
    assert go.solve(instance, "water_filling").audit()["pareto_efficiency"].holds is True


@pytest.mark.parametrize("table", TABLES)
def test_max_min_over_isolated_throughput_gives_equal_gangs_at_least_their_slice(shared_data: Path, table: str) -> None:
    drawn = measured(shared_data, table, 64, "12:12:12")
    singles = drawn.take(np.flatnonzero(drawn.jobs.scale_factor == 1))
    found = go.solve(singles, "max_min", normalize="isolated").audit()
    assert found["sharing_incentive"].holds is True
    assert found["sharing_incentive"].figure is not None
    assert found["sharing_incentive"].figure >= 1.0 - 1e-9


def test_a_binding_time_budget_breaks_the_textbook_theorem() -> None:
    """Nash welfare with envy: b runs all the time on the slow type, yet would gain a little with a's accelerator."""
    instance = two_types([[10.0, 0.0], [10.0, 9.0]])
    solution = go.solve(instance, "proportional_fairness")
    finding = solution.audit()["envy_freeness"]
    assert finding.holds is False
    assert finding.violations[0].jobs == ("b", "a")
    assert finding.figure == pytest.approx(10 / 9, rel=1e-5)


@given(st.integers(1, 6))
def test_equal_jobs_with_equal_shares_are_perfect(jobs: int) -> None:
    instance = go.Instance.from_arrays(np.full((jobs, 2), 3.0), [2.0, 1.0], steps=10.0)
    found = go.solve(instance, "max_min").audit()
    assert found.passed
    assert all(finding.holds for finding in found.findings)
    assert found.evenness.jobs == pytest.approx(1.0)
    assert found.price_of_fairness["throughput"] == pytest.approx(0.0, abs=1e-9)
