"""What a status, a bound and a gap may say, whatever a method claims."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy import optimize

import gavelopt as go
from gavelopt.judge.verdict import ReadingsDisagree, relative_gap
from gavelopt.model.constraints import RateFloor

INSTANCE = go.Instance.from_arrays([[2.0, 1.0], [3.0, 4.0], [1.0, 5.0]], [1.0, 1.0], steps=[10.0, 20.0, 30.0])


def answering(policy: type[go.Policy], answer: go.Answer) -> go.Policy:
    """The policy with one method, which answers the same whatever it is asked."""

    @dataclass(frozen=True)
    class Stubborn(policy):  # type: ignore[valid-type, misc]
        methods = (go.Method("stubborn", lambda problem: answer, "exact", "always the same answer"),)

    return Stubborn()


@dataclass(frozen=True)
class Total(go.Policy):
    """Total throughput, as the simplest declaration."""

    name = "total"

    def objective(self, view: go.View) -> Any:
        return view.total(view.rate)


@dataclass(frozen=True)
class Opaque(go.Policy):
    """A concave objective outside the algebra of normal forms: only solvers can bound it."""

    name = "opaque"

    def objective(self, view: go.View) -> Any:
        return view.smallest(view.rate) + 0.1 * view.total(view.rate)


def test_a_lie_about_the_bound_is_at_most_a_claim() -> None:
    lazy = np.array([0.5, 0.0, 0.0, 0.5, 0.0, 0.0])
    lie = go.Answer(lazy, claimed_bound=float(lazy @ [2, 1, 3, 4, 1, 5]))
    solution = go.solve(INSTANCE, answering(Opaque, lie), method="stubborn")
    assert solution.bound_kind == "claimed"
    assert solution.status == "bounded"


def test_a_claim_never_replaces_a_proof() -> None:
    lazy = np.array([0.5, 0.0, 0.0, 0.5, 0.0, 0.0])
    solution = go.solve(INSTANCE, answering(Total, go.Answer(lazy, claimed_bound=3.0)), method="stubborn")
    assert solution.value == pytest.approx(3.0)
    assert solution.bound_kind == "proved"
    assert solution.bound == pytest.approx(11.0)  # every job at its fastest
    assert solution.status == "bounded"


def test_a_claim_that_the_answer_itself_refutes_is_dropped() -> None:
    x = np.array([1.0, 0.0, 0.0, 1.0, 0.0, 0.0])
    solution = go.solve(INSTANCE, answering(Opaque, go.Answer(x, claimed_bound=0.1)), method="stubborn")
    assert solution.value == pytest.approx(0.6)
    assert solution.bound is None
    assert solution.bound_kind is None
    assert solution.status == "feasible"


def test_a_solution_without_any_bound_is_feasible() -> None:
    x = np.array([1.0, 0.0, 0.0, 1.0, 0.0, 0.0])
    solution = go.solve(INSTANCE, answering(Opaque, go.Answer(x)), method="stubborn")
    assert (solution.status, solution.bound, solution.gap) == ("feasible", None, None)


def test_exact_reads_an_opaque_declaration_literally() -> None:
    solution = go.solve(INSTANCE, Opaque())
    assert solution.method == "exact"
    assert solution.value is not None
    assert solution.bound_kind == "claimed"
    # maximise z + 0.1 sum r over (X, z) with r_i >= z, by linprog
    rates = np.array([[2.0, 1.0], [3.0, 4.0], [1.0, 5.0]])
    gain = np.zeros((3, 6))
    for job in range(3):
        gain[job, 2 * job : 2 * job + 2] = rates[job]
    rows = np.vstack([np.kron(np.eye(3), [1, 1]), np.kron([1, 1, 1], np.eye(2)), -gain])
    rows = np.hstack([rows, np.array([[0.0]] * 5 + [[1.0]] * 3)])
    best = optimize.linprog(np.append(-0.1 * rates.ravel(), -1.0), A_ub=rows, b_ub=[1] * 5 + [0] * 3)
    assert solution.value == pytest.approx(-best.fun, rel=1e-6)


@dataclass(frozen=True)
class TwoFaced(go.Policy):
    """Reads differently as arithmetic and as structure."""

    name = "two_faced"

    def objective(self, view: go.View) -> Any:
        factor = 2.0 if isinstance(view, go.NumericView) else 1.0
        return view.total(factor * view.rate)


def test_readings_that_disagree_raise() -> None:
    with pytest.raises(ReadingsDisagree, match="numerically"):
        go.solve(INSTANCE, TwoFaced())


@dataclass(frozen=True)
class WrongSense(go.Policy):
    """A time declared as something to be made large."""

    name = "wrong_sense"

    def objective(self, view: go.View) -> Any:
        return view.largest(view.steps / view.rate)


def test_a_time_that_is_to_be_made_large_raises() -> None:
    with pytest.raises(ReadingsDisagree, match="sense"):
        go.solve(INSTANCE, WrongSense())


@dataclass(frozen=True)
class Nash(go.Policy):
    """Sum of logarithms of normalised rates: its optimum can be 0 up to rounding."""

    name = "nash"

    def objective(self, view: go.View) -> Any:
        return view.log_total(view.scale_factor * view.rate / (view.scale_factor * view.best_rate))


def test_a_sum_of_logarithms_near_zero_is_read_without_quarrel() -> None:
    rates = np.array([[3.0], [0.1], [7.7], [1e-3]])
    solution = go.solve(go.Instance.from_arrays(rates, [30.0], scale=[3, 1, 7, 3]), Nash())
    assert solution.status == "optimal"
    assert solution.value == pytest.approx(0.0, abs=1e-8)


@dataclass(frozen=True)
class TwoFloors(go.Policy):
    """Two floors on the same jobs: the higher one counts, not their sum."""

    name = "two_floors"

    def objective(self, view: go.View) -> Any:
        return view.total(view.rate)

    def constraints(self, view: go.View) -> list[RateFloor]:
        return [RateFloor("slo", np.array([1.0, 0.0, 0.0])), RateFloor("contract", np.array([0.8, 0.2, 0.0]))]


def test_floors_on_one_job_do_not_add_up() -> None:
    solution = go.solve(INSTANCE, TwoFloors())
    assert solution.status == "optimal"
    # job 0 at 1 needs half of type 0 (2 a hour); the rest of type 0 is worth 3 to job 1, type 1 is worth 5 to job 2
    assert solution.value == pytest.approx(0.5 * 2 + 0.5 * 3 + 5.0)
    assert solution.bound == pytest.approx(solution.value)


def test_an_infinite_value_of_one_answer_is_no_proof_of_infeasibility() -> None:
    @dataclass(frozen=True)
    class Slowest(go.Policy):
        name = "slowest"
        sense = "min"

        def objective(self, view: go.View) -> Any:
            return view.largest(view.steps / view.rate) + 0.1 * view.total(view.steps / view.rate)

    nothing = go.Answer(np.zeros(6))
    solution = go.solve(INSTANCE, answering(Slowest, nothing), method="stubborn")
    assert solution.status == "failed"
    assert "not finite" in solution.message


@pytest.mark.parametrize(
    ("value", "bound", "expected"), [(9.0, 10.0, 0.1), (0.0, 0.0, 0.0), (0.0, 1e-320, 1e-20), (-10.0, -9.0, 1 / 9)]
)
def test_gap(value: float, bound: float, expected: float) -> None:
    assert relative_gap(value, bound) == pytest.approx(expected, rel=1e-3)


def test_no_bound_is_no_gap() -> None:
    assert relative_gap(1.0, None) is None
