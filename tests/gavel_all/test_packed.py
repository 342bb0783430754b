"""Space sharing against the whole linear program, every pair of jobs a column, in scipy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gavelopt as go
from tests.gavel import oracle
from tests.gavel.instances import GANGS
from tests.gavel_all import reference
from tests.gavel_all.questions import COST, Question, by_hand, draw

CASES = [
    ("simulation", 8, "4:4:4", GANGS),
    ("physical_cluster", 8, "4:4:4", GANGS),
    ("simulation", 24, "8:4:2", GANGS),
    ("physical_cluster", 24, "2:4:8", GANGS),
    ("simulation", 40, "4:4:4", (1,)),
    ("physical_cluster", 40, "8:2:4", (1, 2)),
]
POLICIES = ("max_min", "max_sum", "per cost", "makespan", "ftf", "weighted ftf", "agnostic max_min")


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{case[1]}-{case[2]}-{len(case[3])} gangs")
def question(request: pytest.FixtureRequest, shared_data: Path) -> Question:
    table, jobs, cluster, gangs = request.param
    return draw(shared_data / "gavel" / f"{table}_throughputs.json", jobs, cluster, seed=jobs, gangs=gangs)


def expected(question: Question, policy: str, sharing: bool) -> tuple[str, dict[str, Any], float]:
    """(policy, options, value) of a policy by the reference program."""
    p, c = question.plain, reference.columns(question, sharing)
    refs = oracle.references(p)
    if policy == "max_min":
        return "max_min", {}, reference.largest_minimum(c, p.scale / (p.weight * refs["proportional"]))
    if policy == "max_sum":
        return "max_sum", {}, reference.largest_sum(c, np.ones(len(p.scale))) or 0.0
    if policy == "per cost":
        return "max_sum", {"per_cost": True}, reference.largest_sum(c, np.ones(len(p.scale)), 1 / COST) or 0.0
    if policy == "makespan":
        return "makespan", {}, 1.0 / reference.largest_minimum(c, 1.0 / p.steps)
    if policy == "agnostic max_min":
        ones = np.where(p.effective > 0, 1.0, 0.0)
        return "max_min", {"agnostic": True}, agnostic(question, sharing, oracle.references(p, ones)["proportional"])
    weight = p.weight if policy == "weighted ftf" else np.ones(len(p.scale))
    alone = p.isolated_elapsed + p.steps / refs["isolated"]
    value = reference.fairest_finish(c, p.steps * weight, p.elapsed, alone)
    return "ftf", {"weighted": policy == "weighted ftf"}, value


def agnostic(question: Question, sharing: bool, prop: Any) -> float:
    """Every rate taken as 1, also those of two jobs that share."""
    p = question.plain
    c = reference.columns(question, sharing)
    ones = reference.Columns((c.rate > 0).astype(float), c.time, c.load, c.count, c.of_type)
    return reference.largest_minimum(ones, p.scale / (p.weight * prop))


@pytest.mark.parametrize("policy", [p for p in POLICIES if p != "agnostic max_min"])
def test_value_is_that_of_the_whole_program(question: Question, policy: str) -> None:
    name, options, value = expected(question, policy, sharing=True)
    solution = go.solve(question.instance(), name, space_sharing=True, **options)
    assert solution.status == "optimal", solution
    assert solution.value == pytest.approx(value, rel=1e-6)
    keeps_the_base_constraints(solution)


@pytest.mark.parametrize("policy", [p for p in POLICIES if p != "agnostic max_min"])
def test_sharing_never_hurts(question: Question, policy: str) -> None:
    name, options, _ = expected(question, policy, sharing=False)
    alone = go.solve(question.instance(), name, **options)
    shared = go.solve(question.instance(), name, space_sharing=True, **options)
    assert alone.value is not None
    assert shared.value is not None
    sign = 1.0 if alone.policy.sense == "max" else -1.0
    assert sign * (shared.value - alone.value) >= -1e-6 * abs(alone.value)


def keeps_the_base_constraints(solution: go.Solution) -> None:
    """Time of every job, with its partners, at most 1; a shared gang counts once. From the columns that the user sees."""
    allocation = solution.allocation
    assert allocation is not None
    x, space = allocation.x, allocation.space
    _, member, use = space.matrices
    assert x.min() >= -1e-9
    assert (member @ x <= 1 + 1e-7).all()
    assert (use @ x <= solution.instance.cluster.count * (1 + 1e-7)).all()


def test_mixed_gangs_are_within_time(shared_data: Path) -> None:
    """Gangs (1, 1, 1, 2) and (1, 1, 1, 2, 2, 4): Gavel's packed policies crash on the one, oversubscribe on the other."""
    path = shared_data / "gavel" / "simulation_throughputs.json"
    for gangs, jobs in (((1, 2), 4), ((1, 2, 4), 6)):
        question = draw(path, jobs, "2:2:2" if jobs == 4 else "4:4:4", seed=3, gangs=gangs)
        for policy in ("max_min", "makespan", "max_sum", "ftf", "water_filling", "proportional_fairness"):
            solution = go.solve(question.instance(), policy, space_sharing=True)
            assert solution.status == "optimal", solution
            keeps_the_base_constraints(solution)


def test_smooth_policies_take_pairs_too() -> None:
    """Two jobs on one accelerator that do not slow each other down: both run all the time."""
    question = by_hand([[2.0], [3.0]], [1.0], {(0, 1): [[2.0, 3.0]]})
    for policy, value in (("proportional_fairness", np.log(6.0)), ("max_sum", 5.0), ("makespan", 500.0)):
        assert go.solve(question.instance(), policy, space_sharing=True).value == pytest.approx(value)
    assert go.solve(question.instance(), "proportional_fairness").value == pytest.approx(np.log(1.5))


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(seed=st.integers(0, 2**32 - 1), part=st.floats(0.0, 1.0))
def test_pairs_no_better_than_time_slicing_never_pay(seed: int, part: float) -> None:
    """r_a / T_a + r_b / T_b <= 1 on a type: replacing the pair by time slices loses nothing, so values are unchanged."""
    rng = np.random.default_rng(seed)
    rates = rng.uniform(0.5, 5.0, (5, 2))
    pairs = {}
    for a in range(5):
        for b in range(a + 1, 5):
            cut = part * rng.random(2)
            pairs[a, b] = np.column_stack([cut * rates[a], (part - cut) * rates[b]])  # sums of normalised rates: part
    question = by_hand(rates, [1.0, 2.0], pairs, weight=rng.choice([1.0, 2.0], 5), steps=rng.uniform(10, 1000, 5))
    for policy in ("max_min", "max_sum", "makespan", "proportional_fairness", "ftf"):
        alone = go.solve(question.instance(), policy)
        shared = go.solve(question.instance(), policy, space_sharing=True)
        assert shared.value == pytest.approx(alone.value, rel=2e-6, abs=2e-6 * question.plain.weight.sum())


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_random_pairs_by_hand(seed: int) -> None:
    """Any pair rates, also one job much faster beside another, zeros, and pairs measured on some types only."""
    rng = np.random.default_rng(seed)
    jobs = int(rng.integers(2, 6))
    rates = rng.uniform(0.5, 5.0, (jobs, 3)) * (rng.random((jobs, 3)) < 0.9)
    rates[:, 0] = np.maximum(rates[:, 0], 0.1)
    pairs = {}
    for a in range(jobs):
        for b in range(a + 1, jobs):
            both = rng.uniform(0.0, 1.3, (3, 2)) * np.column_stack([rates[a], rates[b]])
            both[rng.random(3) < 0.3] = np.nan
            pairs[a, b] = both
    question = by_hand(
        rates,
        rng.integers(1, 4, 3),
        pairs,
        scale=rng.choice([1.0, 1.0, 2.0], jobs),
        weight=rng.choice([1.0, 3.0], jobs),
    )
    p, c = question.plain, reference.columns(question, sharing=True)
    if not (p.effective > 0).any(axis=1).all():
        return
    slope = p.scale / (p.weight * oracle.references(p)["proportional"])
    solution = go.solve(question.instance(), "max_min", space_sharing=True)
    assert solution.value == pytest.approx(reference.largest_minimum(c, slope), rel=1e-6)
    keeps_the_base_constraints(solution)
    total = go.solve(question.instance(), "max_sum", space_sharing=True)
    assert total.value == pytest.approx(reference.largest_sum(c, np.ones(jobs)), rel=1e-6)
