"""Every policy's value against a formulation of its own (tests/gavel/oracle.py) on Gavel's two measured tables."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import gavelopt as go
from tests.gavel import oracle
from tests.gavel.instances import Array, Plain, draw

TABLES = ("simulation", "physical_cluster")
CLUSTERS = ("4:4:4", "12:12:12", "36:36:36", "4:12:20")
CASES = [(table, jobs, cluster) for jobs in (8, 64) for table in TABLES for cluster in CLUSTERS]
CASES += [("simulation", 512, cluster) for cluster in CLUSTERS] + [("physical_cluster", 512, "36:36:36")]
REFERENCES = (None, "proportional", "best", "isolated")
POWERS = (1.0, 0.5, 0.0, -1.0, -3.0, -10.0, -np.inf)


@cache
def plain(folder: Path, table: str, jobs: int, cluster: str) -> Plain:
    return draw(folder / "gavel" / f"{table}_throughputs.json", jobs, cluster, seed=jobs, runnable=True)


@pytest.fixture(params=CASES, ids=lambda case: "-".join(map(str, case)))
def question(request: pytest.FixtureRequest, shared_data: Path) -> Plain:
    return plain(shared_data, *request.param)


def agrees(solution: go.Solution, expected: float, scale: float | None = None) -> None:
    """The value is right to 1e-6, feasible to 1e-7, and the judge itself has certified it."""
    assert solution.value is not None, solution.message
    assert abs(solution.value - expected) <= 1e-6 * (abs(expected) if scale is None else scale)
    assert solution.status == "optimal"
    assert solution.bound_kind == "proved"
    assert solution.gap is not None
    assert solution.gap <= 1e-6
    assert max(check.residual for check in solution.checks) <= 1e-7
    assert solution.allocation is not None
    residual_of_ours(solution)


def residual_of_ours(solution: go.Solution) -> None:
    """Feasibility recomputed here, from the matrix that the user sees."""
    assert solution.allocation is not None
    X, jobs, count = solution.allocation.matrix, solution.instance.jobs, solution.instance.cluster.count
    assert X.min() >= -1e-7
    assert (X.sum(axis=1) <= 1 + 1e-7).all()
    assert (jobs.scale_factor @ X <= count * (1 + 1e-7) + 1e-7).all()
    assert not X[jobs.scale_factor[:, None] > count[None, :]].any()


LINEAR: dict[str, tuple[str, dict[str, object], Callable[[Plain], float]]] = {
    "isolated": ("isolated", {}, lambda p: float((p.effective * oracle.isolated_share(p)).sum())),
    "proportional": ("proportional", {}, lambda p: float((p.effective * oracle.proportional_share(p)).sum())),
    "sjf": ("sjf", {}, oracle.first_done),
    "sjf closed form": ("sjf", {"method": "closed_form"}, oracle.first_done),
    "makespan": ("makespan", {}, oracle.shortest_makespan),
    "makespan agnostic": (
        "makespan",
        {"agnostic": True},
        lambda p: oracle.shortest_makespan(p, oracle.as_on(p, None)),
    ),
    "ftf": ("ftf", {}, oracle.fairest_finish),
    "min_total_duration_perf": ("min_total_duration_perf", {}, oracle.shortest_makespan),
    "min_total_duration": (
        "min_total_duration",
        {},
        lambda p: oracle.shortest_makespan(p, oracle.as_on(p, p.types.index("v100"))),
    ),
    "max_min agnostic": ("max_min", {"agnostic": True}, lambda p: agnostic_max_min(p)),
    "max_min_fairness": ("max_min_fairness", {}, lambda p: agnostic_max_min(p)),
    "max_min_fairness_perf": ("max_min_fairness_perf", {}, lambda p: aware_max_min(p, "proportional")),
    "max_sum_throughput_perf": ("max_sum_throughput_perf", {}, lambda p: oracle.largest_sum(p, np.ones(len(p.scale)))),
}


def agnostic_max_min(p: Plain) -> float:
    """Every rate 1 where the gang fits."""
    ones = np.where(p.scale[:, None] <= p.count[None, :], 1.0, 0.0)
    reference = oracle.references(p, ones)["proportional"]
    return oracle.largest_minimum(p, p.scale / (p.weight * reference), ones)


def aware_max_min(p: Plain, normalize: str | None) -> float:
    return oracle.largest_minimum(p, p.scale / (p.weight * oracle.references(p)[normalize]))


@pytest.mark.parametrize("name", LINEAR)
def test_value_of_a_linear_policy(question: Plain, name: str) -> None:
    policy, options, expected = LINEAR[name]
    agrees(go.solve(question.instance(), policy, **options), expected(question))  # type: ignore[arg-type]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("normalize", REFERENCES)
def test_max_sum(question: Plain, normalize: str | None, weighted: bool) -> None:
    factor = (question.weight if weighted else 1.0) / oracle.references(question)[normalize]
    solution = go.solve(question.instance(), "max_sum", normalize=normalize, weighted=weighted)
    agrees(solution, oracle.largest_sum(question, factor))


@pytest.mark.parametrize("normalize", REFERENCES)
def test_max_min(question: Plain, normalize: str | None) -> None:
    agrees(go.solve(question.instance(), "max_min", normalize=normalize), aware_max_min(question, normalize))


@pytest.mark.parametrize("power", POWERS)
def test_power_mean(question: Plain, power: float) -> None:
    slope = question.scale / oracle.references(question)["proportional"]
    share = question.weight / question.weight.sum()
    solution = go.solve(question.instance(), "power_mean", p=power)
    if power == 1.0:
        agrees(solution, oracle.largest_sum(question, share * slope))
    elif power == -np.inf:
        agrees(solution, oracle.largest_minimum(question, slope))
    else:
        value, bound = optimum(question, slope, share, power, solution)
        agrees(solution, np.exp(value) if power == 0 else value)
        assert abs(bound - value) <= 1e-6 * (1.0 if power == 0 else abs(value))


def test_proportional_fairness(question: Plain) -> None:
    solution = go.solve(question.instance(), "proportional_fairness")
    value, bound = optimum(question, np.ones(len(question.scale)), question.weight, 0.0, solution)
    # relative to the sum of weights: of the geometric mean that the sum of logarithms stands for
    agrees(solution, value, scale=float(question.weight.sum()))
    assert abs(bound - value) <= 1e-6 * question.weight.sum()


def optimum(p: Plain, slope: Array, weight: Array, power: float, solution: go.Solution) -> tuple[float, float]:
    """The optimum and our own bound on it. Large instances: our own proof, by linprog, at the solution's matrix."""
    if len(p.scale) <= 64:
        return oracle.smooth(p, slope, weight, power)
    assert solution.allocation is not None
    return oracle.proof(p, slope, weight, power, solution.allocation.matrix, oracle.largest_minimum(p, slope))
