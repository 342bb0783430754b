"""Allocations made envious, wasteful, unfair or infeasible on purpose: the audit finds it, and names jobs and figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gavelopt as go
from tests.audit.cases import TABLES, held, measured, two_types


def test_who_has_nothing_envies_who_has_everything() -> None:
    instance = two_types([[4.0, 2.0], [4.0, 2.0]])
    found = go.audit(instance, held(instance, {"a": [0.5, 0.5], "b": [0.0, 0.0]}))
    finding = found["envy_freeness"]
    assert finding.holds is False
    assert finding.count == 1
    assert finding.figure == np.inf
    assert finding.violations[0].jobs == ("b", "a")
    assert finding.violations[0].figures["rate_with_bundle"] == pytest.approx(3.0)
    assert "b runs at 0" in finding.violations[0].text


def test_envy_is_cut_to_the_envious_jobs_own_time() -> None:
    # a gang of 2 holds both fast accelerators all the time; a gang of 1 can use one of them at a time
    instance = two_types([[8.0, 0.0], [3.0, 1.0]], count=(2, 1), scale=[2, 1])
    found = go.audit(instance, held(instance, {"a": [1.0, 0.0], "b": [0.0, 1.0]}), entitlement="equal")
    violation = found["envy_freeness"].violations[0]
    assert violation.jobs == ("b", "a")
    assert violation.figures["rate_with_bundle"] == pytest.approx(3.0)
    assert violation.figures["ratio"] == pytest.approx(3.0)
    assert found["envy_freeness"].count == 1


def test_a_gang_needs_more_of_the_same_bundle() -> None:
    # the gang of 2 would run only half the time on the single accelerator of the other
    instance = two_types([[4.0, 0.0], [9.0, 1.0]], count=(2, 2), scale=[1, 2])
    found = go.audit(instance, held(instance, {"a": [1.0, 0.0], "b": [0.2, 0.8]}), entitlement="equal")
    frame = found.to_frame()
    assert frame.loc["b", "best_other_rate"] == pytest.approx(4.5)
    assert frame.loc["b", "best_other"] == "a"


def test_envy_is_scaled_by_entitlement() -> None:
    instance = two_types([[10.0, 0.0], [10.0, 0.0]], count=(1, 0), weight=[5.0, 1.0])
    fair = held(instance, {"a": [5 / 6, 0.0], "b": [1 / 6, 0.0]})
    assert go.audit(instance, fair)["envy_freeness"].holds
    assert go.audit(instance, fair)["sharing_incentive"].holds
    blind = go.audit(instance, fair, entitlement="equal")
    assert blind["envy_freeness"].violations[0].jobs == ("b", "a")
    assert blind["sharing_incentive"].violations[0].figures["ratio"] == pytest.approx(1 / 3)
    even = go.audit(instance, held(instance, {"a": [0.5, 0.0], "b": [0.5, 0.0]}))
    assert even["envy_freeness"].violations[0].jobs == ("a", "b")
    assert even["envy_freeness"].figure == pytest.approx(2.0)  # five halves, cut to one


def test_waste_has_a_witness() -> None:
    # each job sits where it is slow; changing places harms nobody
    instance = two_types([[4.0, 1.0], [1.0, 4.0]])
    found = go.audit(instance, held(instance, {"a": [0.0, 1.0], "b": [1.0, 0.0]}))
    finding = found["pareto_efficiency"]
    assert finding.holds is False
    assert finding.figure == pytest.approx(3.0)  # normalised throughput from 1/4 + 1/4 to 1 + 1
    assert finding.count == 2
    assert found.witness is not None
    np.testing.assert_allclose(found.witness.matrix, np.eye(2), atol=1e-9)
    assert found.price_of_fairness["throughput"] == pytest.approx(0.75)


def test_a_job_below_its_own_slice() -> None:
    instance = two_types([[4.0, 2.0], [4.0, 2.0], [4.0, 2.0], [4.0, 2.0]], count=(2, 2))
    rows = {"a": [1.0, 0.0], "b": [1.0, 0.0], "c": [0.0, 1.0], "d": [0.0, 0.5]}
    finding = go.audit(instance, held(instance, rows))["sharing_incentive"]
    assert [violation.jobs for violation in finding.violations] == [("d",), ("c",)]
    assert finding.violations[0].figures == pytest.approx({"rate": 1.0, "fair_rate": 3.0, "ratio": 1 / 3})


def test_who_ends_later_than_alone() -> None:
    # rho = (t + n / r) / (C + n / iso), iso = 4 / 2 = 2
    instance = two_types(
        [[4.0, 0.0], [4.0, 0.0]],
        count=(1, 0),
        steps=[100.0, 100.0],
        elapsed_s=[0.0, 30.0],
        isolated_elapsed_s=[0.0, 10.0],
    )
    found = go.audit(instance, held(instance, {"a": [0.25, 0.0], "b": [0.75, 0.0]}))
    finding = found["finish_time_fairness"]
    assert [violation.jobs for violation in finding.violations] == [("a",), ("b",)]
    assert finding.violations[0].figures["rho"] == pytest.approx(2.0)
    assert finding.violations[1].figures["rho"] == pytest.approx((30 + 100 / 3) / (10 + 50))


def test_unknown_steps_leave_rho_open_only_for_jobs_that_have_started() -> None:
    instance = two_types([[4.0, 0.0], [4.0, 0.0]], count=(1, 0), elapsed_s=[0.0, 30.0])
    found = go.audit(instance, held(instance, {"a": [0.5, 0.0], "b": [0.5, 0.0]}))
    assert found["finish_time_fairness"].figure == pytest.approx(1.0)
    assert "1 job(s)" in found["finish_time_fairness"].note
    assert np.isnan(found.to_frame().loc["b", "rho"])


def test_evenness_by_hand() -> None:
    instance = two_types([[4.0, 2.0], [4.0, 2.0]], entity=["red", "red"])
    found = go.audit(instance, held(instance, {"a": [1.0, 0.0], "b": [0.0, 0.0]}))
    assert found.evenness.jobs == pytest.approx(0.5)
    assert found.evenness.by_accelerator == {"fast": pytest.approx(0.5), "slow": None}
    assert found.evenness.by_entity == {"red": pytest.approx(0.5)}
    assert found.evenness.entities == pytest.approx(1.0)


def test_an_infeasible_allocation_is_audited_and_its_constraints_named() -> None:
    instance = two_types([[4.0, 2.0], [4.0, 0.0]], scale=[1, 2], count=(2, 1))
    found = go.audit(instance, held(instance, {"a": [0.9, 0.4], "b": [0.9, 0.1]}))
    broken = {check.name: check.worst for check in found.checks if not check.passed}
    assert broken == {"time": "a", "capacity": "fast", "usable cells": "b on slow"}
    assert not found.feasible
    assert not found.passed
    assert found["pareto_efficiency"].holds is None
    assert found["sharing_incentive"].holds is True


def test_floors_of_the_policy_are_checked() -> None:
    instance = two_types([[4.0, 2.0], [4.0, 2.0]], steps=[100.0, 100.0], deadline_s=[50.0, np.nan])
    policy = go.solve(instance, "max_sum", slo="require").policy
    late = held(instance, {"a": [0.25, 0.0], "b": [0.75, 0.25]})
    found = go.audit(instance, late, policy)
    assert [(c.name, c.worst) for c in found.checks if not c.passed] == [("deadlines", "a")]


def test_an_allocation_of_other_jobs_is_refused() -> None:
    instance, other = two_types([[4.0, 2.0]]), two_types([[4.0, 2.0], [1.0, 1.0]])
    with pytest.raises(go.InputError, match="jobs are not the instance's"):
        go.audit(instance, held(other, {"a": [1.0, 0.0]}))


@pytest.mark.parametrize("table", TABLES)
def test_a_robbed_job_is_found_on_measured_tables(shared_data: Path, table: str) -> None:
    instance = measured(shared_data, table, 64, "12:12:12")
    solution = go.solve(instance, "proportional_fairness")
    assert solution.allocation is not None
    matrix = solution.allocation.matrix.copy()
    victim = int(np.argmax(matrix[:, 0]))
    matrix[victim] = 0.0
    robbed = go.audit(instance, go.Allocation(instance.space(), matrix.ravel()))
    name = instance.jobs.names[victim]
    assert robbed.feasible
    for property_ in ("sharing_incentive", "envy_freeness", "finish_time_fairness"):
        assert robbed[property_].violations[0].jobs[0] == name, property_
    assert robbed["pareto_efficiency"].holds is False
    assert robbed.witness is not None
    assert (robbed.witness.rates >= robbed.allocation.rates * (1 - 1e-7)).all()
    assert all(check.passed for check in robbed.checks)
