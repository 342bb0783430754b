"""Every solver behind the exact method gives the same value; what it says of itself does not count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gavelopt as go
from tests.gavel.instances import draw

LINEAR = ("highs-simplex", "highs-ipm", "clarabel", "glop", "pdlp", "scs")


@pytest.mark.parametrize("solver", LINEAR)
@pytest.mark.parametrize("policy", ["max_sum", "max_min", "makespan", "ftf"])
def test_linear_programs(policy: str, solver: str, shared_data: Path) -> None:
    question = draw(shared_data / "gavel" / "simulation_throughputs.json", 40, "12:12:12", 2, decades=(5.0, 7.0))
    instance = question.instance()
    expected = go.solve(instance, policy)
    solution = go.solve(instance, policy, solver=solver)
    assert solution.bound_kind == "proved"
    assert solution.gap is not None
    assert max(check.residual for check in solution.checks) <= 1e-7
    first_order = solver in ("pdlp", "scs")
    assert solution.status in (("optimal", "bounded") if first_order else ("optimal",))
    assert solution.value == pytest.approx(expected.value, rel=1e-2 if first_order else 1e-6)
    # value and bound enclose the optimum, however far the solver stopped from it
    low, high = sorted((solution.value, solution.bound))
    assert low * (1 - 1e-6) <= expected.value <= high * (1 + 1e-6)


@pytest.mark.parametrize("solver", ["clarabel", "scs"])
@pytest.mark.parametrize("power", [0.5, 0.0, -1.0])
def test_conic_programs(power: float, solver: str, shared_data: Path) -> None:
    question = draw(shared_data / "gavel" / "simulation_throughputs.json", 20, "12:12:12", 2)
    instance = question.instance()
    expected = go.solve(instance, "power_mean", p=power)
    solution = go.solve(instance, "power_mean", p=power, solver=solver)
    assert solution.gap is not None
    assert expected.value is not None
    assert solution.value is not None
    assert solution.bound is not None
    assert solution.value <= expected.value * (1 + 1e-6)
    assert solution.bound >= expected.value * (1 - 1e-6)
    assert solution.gap <= (1e-6 if solver == "clarabel" else 1e-2)


def test_an_unknown_solver_is_named_with_the_nearest() -> None:
    instance = go.Instance.from_arrays([[1.0]], [1.0])
    with pytest.raises(go.UnknownName, match="clarabell") as error:
        go.solve(instance, "max_sum", solver="clarabell")
    assert "did you mean 'clarabel'" in str(error.value)


@pytest.mark.parametrize("policy", ["max_min", "proportional_fairness"])
def test_no_time_is_a_status_with_a_reason(policy: str) -> None:
    rng = np.random.default_rng(0)
    instance = go.Instance.from_arrays(rng.uniform(1, 9, (3000, 4)), [50.0] * 4)
    solution = go.solve(instance, policy, method="exact", time_limit=1e-9)
    assert solution.status in ("time_limit", "failed", "bounded")
    assert solution.status == "bounded" or solution.message
    assert solution.value is None or solution.gap is not None
