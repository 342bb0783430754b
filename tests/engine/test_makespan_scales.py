"""Makespan with steps from 10^3 to 10^8: right in its normal form, wrong as written."""

from __future__ import annotations

from pathlib import Path

import cvxpy as cp
import numpy as np
import pytest

import gavelopt as go
from gavelopt.engine.exact import literal
from gavelopt.engine.problem import Problem
from tests.gavel import oracle
from tests.gavel.instances import Plain, draw


def mixed(folder: Path, jobs: int, seed: int) -> Plain:
    return draw(folder / "gavel" / "simulation_throughputs.json", jobs, "12:12:12", seed, decades=(3.0, 8.0))


@pytest.mark.parametrize("agnostic", [False, True])
@pytest.mark.parametrize("jobs", [8, 40, 200])
def test_mixed_step_counts(shared_data: Path, jobs: int, agnostic: bool) -> None:
    for seed in range(4):
        question = mixed(shared_data, jobs, seed)
        rates = oracle.as_on(question, None) if agnostic else None
        expected = oracle.shortest_makespan(question, rates)
        solution = go.solve(question.instance(), "makespan", agnostic=agnostic)
        assert solution.status == "optimal"
        assert solution.value == pytest.approx(expected, rel=1e-6)


def test_each_decade_alone(shared_data: Path) -> None:
    """One job of 10^8 steps among jobs of 10^3: the long one decides, and the short ones still get all that they need."""
    question = mixed(shared_data, 30, 1)
    for long in (1e3, 1e5, 1e8, 1e12):
        steps = np.full(30, 1e3)
        steps[7] = long
        case = Plain(**{**vars(question), "steps": steps})
        solution = go.solve(case.instance(), "makespan")
        assert solution.status == "optimal"
        assert solution.value == pytest.approx(oracle.shortest_makespan(case), rel=1e-6)


def as_written(question: Plain, solver: str) -> tuple[str, float]:
    """Status and value of  minimise max_i n_i / tput_i  given to cvxpy without further thought."""
    X = cp.Variable(question.rates.shape, nonneg=True)
    rate = cp.sum(cp.multiply(question.effective, X), axis=1)
    program = cp.Problem(
        cp.Minimize(cp.max(cp.multiply(question.steps, cp.inv_pos(rate)))),
        [cp.sum(X, axis=1) <= 1, question.scale @ X <= question.count],
    )
    program.solve(solver=solver)
    return str(program.status), float(program.value)


def test_as_written_it_is_wrong_and_called_optimal(shared_data: Path) -> None:
    """The reason for the normal form: a conic solver calls a value optimal that is far off, on which side hangs on rounding."""
    question = mixed(shared_data, 40, 0)
    right = oracle.shortest_makespan(question)
    status, value = as_written(question, "SCS")
    assert status in ("optimal", "optimal_inaccurate")
    assert abs(np.log(value / right)) > 0.05
    assert go.solve(question.instance(), "makespan").value == pytest.approx(right, rel=1e-6)


def test_the_literal_reading_is_graded_like_any_other_answer(shared_data: Path) -> None:
    """Whatever a solver says of the literal program, the judge recomputes its value and never takes over its bound."""
    question = mixed(shared_data, 40, 0)
    instance = question.instance()
    right = oracle.shortest_makespan(question)
    problem = Problem(instance, go.solve(instance, "makespan").policy)
    answer = literal(problem, "scs")
    assert answer.claimed_bound is not None
    assert problem.utility is not None
    value = problem.utility.reported(problem.utility.value(problem.space.rate(answer.x)))
    assert value >= right * (1 - 1e-6)  # no allocation is better than the optimum, whatever the solver claims
    assert any("optimal" in note for note in answer.notes)
