"""One declaration, three readings: symbolic, numeric and structural agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import gavelopt as go
from gavelopt.engine.exact import literal
from gavelopt.engine.problem import Problem
from gavelopt.judge.check import value_of
from gavelopt.model.structure import StructuralView, Unstructured

RNG = np.random.default_rng(3)
CALM = go.Instance.from_arrays(
    RNG.uniform(0.5, 2.0, (7, 3)),
    [2.0, 3.0, 2.0],
    scale=[1, 2, 1, 1, 2, 1, 1],
    weight=RNG.uniform(0.5, 3.0, 7),
    steps=RNG.uniform(1.0, 3.0, 7),
    elapsed_s=[0.0, 0.5, 0.0, 1.0, 0.0, 0.0, 2.0],
    cost_per_hour=[2.0, 1.0, 0.5],
    accelerators=["v100", "p100", "k80"],
)
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("max_sum", {}),
    ("max_sum", {"normalize": "best", "weighted": True}),
    ("max_min", {}),
    ("max_min", {"agnostic": True}),
    ("makespan", {}),
    ("ftf", {}),
    ("ftf", {"weighted": True}),
    ("proportional_fairness", {}),
    *[("power_mean", {"p": p}) for p in (1.0, 0.5, 0.0, -1.0, -3.0, -np.inf)],
]


def problem_of(name: str, options: dict[str, Any]) -> Problem:
    return Problem(CALM, go.solve(CALM, name, **options).policy)


@pytest.mark.parametrize(("name", "options"), VARIANTS, ids=str)
def test_numeric_and_structural_agree_everywhere(name: str, options: dict[str, Any]) -> None:
    problem = problem_of(name, options)
    utility = problem.utility
    assert utility is not None
    for _ in range(20):
        rate = RNG.uniform(0.0, 2.0, 7) * RNG.choice([1e-6, 1.0, 1e6], 7)
        rate[RNG.random(7) < 0.1] = 0.0
        numeric = value_of(problem.policy, CALM, problem.space, rate)
        structural = utility.reported(utility.value(rate))
        if np.isfinite(numeric) or np.isfinite(structural):
            assert structural == pytest.approx(numeric, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("name", "options"), VARIANTS, ids=str)
def test_the_symbolic_reading_has_the_same_optimum(name: str, options: dict[str, Any]) -> None:
    problem = problem_of(name, options)
    answer = literal(problem)
    exact = go.solve(CALM, name, **options)
    value = value_of(problem.policy, CALM, problem.space, problem.space.rate(answer.x))
    assert value == pytest.approx(exact.value, rel=1e-5)
    assert answer.claimed_bound == pytest.approx(exact.value, rel=1e-5)


OUTSIDE = {
    "a sum of two objectives": lambda v: v.total(v.rate) + v.smallest(v.rate),
    "a multiple of an objective": lambda v: 2.0 * v.total(v.rate),
    "a difference from a number": lambda v: v.total(1.0 - v.rate),
    "a power of a rate": lambda v: v.total(v.rate**0.5),
    "a product of rates": lambda v: v.total(v.rate * v.rate),
    "a rate negated": lambda v: v.smallest(-v.rate),
    "a quotient of rates": lambda v: v.total(v.rate / v.rate),
    "the largest rate": lambda v: v.largest(v.rate),
    "one job's rate": lambda v: v.rate[0],
    "a convex power mean": lambda v: v.power_mean(v.rate, 2.0),
    "times with a share already spent": lambda v: v.total(v.elapsed_s + v.steps / v.rate),
    "times and rates": lambda v: v.total(v.rate + v.steps / v.rate),
    "the square of a time": lambda v: v.largest((v.steps / v.rate) ** 2),
    "a weighted array of rates": lambda v: v.weight @ v.rate,
}


@pytest.mark.parametrize("words", OUTSIDE.values(), ids=OUTSIDE)
def test_what_has_no_normal_form_says_so(words: Any) -> None:
    view = StructuralView(CALM, CALM.space())
    with pytest.raises(Unstructured):
        words(view)


@dataclass(frozen=True)
class Blend(go.Policy):
    """A plug-in outside the normal forms: half throughput, half fairness."""

    name = "blend"

    def objective(self, view: go.View) -> Any:
        return view.total(view.rate) + 3.0 * view.smallest(view.rate / view.best_rate)


def test_a_policy_without_normal_form_is_solved_literally() -> None:
    solution = go.solve(CALM, Blend())
    assert solution.status == "bounded"
    assert solution.bound_kind == "claimed"
    assert solution.gap is not None
    assert solution.gap < 1e-6
    heuristic = go.solve(CALM, Blend(), method="equal_share")
    assert heuristic.status == "feasible"
    assert heuristic.value is not None
    assert solution.value is not None
    assert heuristic.value <= solution.value * (1 + 1e-6)
