"""Small questions worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gavelopt as go

# Two accelerators, one of each type; the first job is four times as fast on v100, the second twice.
#            v100 p100
RATES = [[4.0, 1.0], [2.0, 1.0]]
PAIR = go.Instance.from_arrays(RATES, [1.0, 1.0], steps=[40.0, 10.0], accelerators=["v100", "p100"])

# max_sum: 4 + 1.  max_min: prop = (2.5, 1.5); give job 0 a part a of v100 and 1-a of p100, job 1 the rest:
# (1 + 3a) / 2.5 = (2 - a) / 1.5 at a = 1/2, both 1.  makespan: (1 + 3a) / 40 = (2 - a) / 10 at a = 1, both done at 10 s;
# agnostic (both types as fast as v100): 10 s, job 0 all the time.  sjf: min(40/4, 10/2) = 5 s.  isolated: half of each.
# proportional_fairness: (1 + 3a)(2 - a) is largest at a = 5/6: 3.5 * 7/6 = 49/12.
# power mean p = 1: u = (rate / prop) / 2 each: a (3/2.5 - 1/1.5) > 0, so a = 1: (4/2.5 + 1/1.5) / 2 = 17/15.
# p = -1: 2 / (2.5/(1+3a) + 1.5/(2-a)), optimum where 7.5/(1+3a)^2 = 1.5/(2-a)^2: (1+3a) = sqrt(5)(2-a).
ROOT = (2 * np.sqrt(5) - 1) / (3 + np.sqrt(5))
BY_HAND: list[tuple[str, dict[str, Any], float]] = [
    ("max_sum", {}, 5.0),
    ("max_sum", {"normalize": "best"}, 1.5),
    ("max_min", {}, 1.0),
    ("max_min", {"agnostic": True}, 1.0),
    ("makespan", {}, 10.0),
    ("makespan", {"agnostic": True}, 10.0),
    ("sjf", {}, 5.0),
    ("isolated", {}, 4.0),
    ("proportional", {}, 4.0),
    ("proportional_fairness", {}, np.log(49 / 12)),
    ("power_mean", {"p": 1.0}, 17 / 15),
    ("power_mean", {"p": 0.0}, np.sqrt(49 / 12 / 2.5 / 1.5)),
    ("power_mean", {"p": -1.0}, 2 / (2.5 / (1 + 3 * ROOT) + 1.5 / (2 - ROOT))),
    ("power_mean", {"p": -np.inf}, 1.0),
]


@pytest.mark.parametrize(("policy", "options", "expected"), BY_HAND, ids=str)
def test_two_jobs_on_two_types(policy: str, options: dict[str, Any], expected: float) -> None:
    solution = go.solve(PAIR, policy, **options)
    assert solution.status == "optimal"
    assert solution.value == pytest.approx(expected, rel=1e-7)


# A gang of 2 and a single on 2 v100 and 1 p100; the gang does not fit on p100.
#            v100 p100
GANG = go.Instance.from_arrays(
    [[6.0, 5.0], [2.0, 3.0]], [2.0, 1.0], scale=[2, 1], weight=[1.0, 2.0], accelerators=["v100", "p100"]
)


def test_a_gang_on_its_only_type() -> None:
    """The gang takes both v100 all the time, the single p100: 6 + 3. Its rate on p100 counts as 0, also in references."""
    solution = go.solve(GANG, "max_sum")
    assert solution.value == pytest.approx(9.0)
    assert any("gangs larger" in warning for warning in solution.warnings)
    # max_min: prop = 6 * 2/3 = 4 and 2 * 2/3 + 3 * 1/3 = 7/3; s tput / (w prop): gang 2 * 6 / 4 = 3, single 3 / (14/3)
    fair = go.solve(GANG, "max_min")
    assert fair.value == pytest.approx(9 / 14)


def test_weights_divide_what_is_shared() -> None:
    """One accelerator, three equal jobs of weights 1, 1 and 2: shares 1/4, 1/4, 1/2; Nash welfare gives the same."""
    instance = go.Instance.from_arrays([[3.0]] * 3, [1.0], weight=[1.0, 1.0, 2.0])
    for policy in ("max_min", "proportional_fairness"):
        solution = go.solve(instance, policy)
        assert solution.allocation is not None
        # the top of a smooth mean is flat: its value is right to 1e-10, the shares to the root of that
        np.testing.assert_allclose(solution.allocation.shares, [0.25, 0.25, 0.5], rtol=1e-5)


def test_prices_by_hand() -> None:
    """Three jobs of rates 5, 3 and 2 on 1.5 accelerators: one more is worth 3, until the second job is served."""
    solution = go.solve(go.Instance.from_arrays([[5.0], [3.0], [2.0]], [1.5]), "max_sum")
    assert solution.value == pytest.approx(6.5)
    assert solution.prices is not None
    assert solution.prices["a0"] == pytest.approx(3.0)
    assert solution.prices.unique is True
    whole = go.solve(go.Instance.from_arrays([[5.0], [3.0], [2.0]], [2.0]), "max_sum")
    assert whole.prices is not None
    assert whole.prices.one_sided == {"a0": pytest.approx((2.0, 3.0))}
    assert whole.prices.unique is False


def test_nobody_and_nothing() -> None:
    nobody = go.Instance.from_arrays(np.zeros((0, 2)), [1.0, 1.0])
    for policy in ("max_sum", "max_min", "makespan", "proportional_fairness", "isolated", "sjf"):
        solution = go.solve(nobody, policy)
        assert (solution.status, solution.value, solution.bound) == ("optimal", 0.0, 0.0)
    nothing = go.Instance.from_arrays([[1.0]], [0.0], steps=[1.0])
    assert go.solve(nothing, "max_sum").value == 0.0
    assert go.solve(nothing, "max_min").value == 0.0
    assert go.solve(nothing, "makespan").status == "infeasible"
    assert go.solve(nothing, "proportional_fairness").status == "infeasible"
