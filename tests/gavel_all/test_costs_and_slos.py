"""Cost and deadlines: sums per cost, the true ratio, least cost, and what is said when deadlines cannot all hold."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy import optimize, sparse

import gavelopt as go
from tests.gavel import oracle
from tests.gavel_all import reference
from tests.gavel_all.questions import COST, Question, by_hand, draw

CASES = [("simulation", 12, "4:4:4"), ("physical_cluster", 24, "8:4:2"), ("simulation", 60, "12:12:12")]


@pytest.fixture(params=CASES, ids=lambda case: "-".join(map(str, case)))
def question(request: pytest.FixtureRequest, shared_data: Path) -> Question:
    table, jobs, cluster = request.param
    return draw(shared_data / "gavel" / f"{table}_throughputs.json", jobs, cluster, seed=jobs)


def dated(question: Question, tightness: float) -> tuple[Question, np.ndarray]:
    """Every third job has a deadline that needs ``tightness`` of its largest even rate; and the floors (J,)."""
    p = question.plain
    slope = np.zeros(len(p.scale))
    slope[::3] = 1.0
    c = reference.columns(question, sharing=False)
    z, _ = reference.most_even(c, 1.0 / c.ceiling, np.zeros(len(slope)), slope > 0, np.zeros(len(slope)))
    floor = np.where(slope > 0, tightness * z * c.ceiling, 0.0)
    seconds = np.where(slope > 0, p.steps / np.where(slope > 0, floor, 1.0), np.nan)
    return replace(question, columns={**question.columns, "deadline_s": seconds + p.elapsed * 0}), floor


@pytest.mark.parametrize("sharing", [False, True])
@pytest.mark.parametrize("tightness", [0.3, 0.99])
def test_sum_per_cost_with_slos(question: Question, tightness: float, sharing: bool) -> None:
    late, floor = dated(question, tightness)
    c = reference.columns(late, sharing)
    value = reference.largest_sum(c, np.ones(len(floor)), 1.0 / COST, floor)
    assert value is not None
    name = "max_sum_throughput_normalized_by_cost_" + ("packed_SLOs" if sharing else "perf_SLOs")
    solution = go.solve(late.instance(), name)
    assert solution.status == "optimal", solution
    assert solution.value == pytest.approx(value, rel=1e-6)
    assert solution.allocation is not None
    assert (solution.allocation.rates >= floor * (1 - 1e-6)).all()


def test_deadlines_that_cannot_all_hold(question: Question) -> None:
    """Infeasible is said, with the largest set of deadlines that can hold; with that set the answer is optimal."""
    late, floor = dated(question, 1.5)
    c = reference.columns(late, sharing=False)
    assert reference.largest_sum(c, np.ones(len(floor)), floor=floor) is None
    solution = go.solve(late.instance(), "max_sum", slo="require")
    assert solution.status == "infeasible"
    assert "slo" in solution.message.lower() or "deadline" in solution.message.lower()
    found = go.diagnose(late.instance(), "max_sum", slo="require")
    assert not found.feasible
    assert found.kept or set(found.beyond) == set(found.dropped)
    assert set(found.kept) | set(found.dropped) == {f"j{i}" for i in np.flatnonzero(floor > 0)}
    assert found.dropped
    again = go.solve(late.instance(), "max_sum", slo=found.kept)
    assert again.status == "optimal", again


def test_the_true_ratio(question: Question) -> None:
    """tput / cost by Charnes and Cooper's substitution in scipy: y = t x, cost.y = 1."""
    late, floor = dated(question, 0.6)
    p, c = late.plain, reference.columns(late, sharing=False)
    cost = COST[c.of_type] * np.asarray(c.load.sum(axis=0)).ravel()
    worth = np.asarray(c.rate.sum(axis=0)).ravel()
    on = np.flatnonzero(floor > 0)
    base = sparse.vstack([c.time, c.load])
    limit = np.concatenate([np.ones(len(p.scale)), c.count])
    rows = sparse.vstack(
        [
            sparse.hstack([base, -limit[:, None]]),
            sparse.hstack([-sparse.diags(1.0 / floor[on]) @ c.rate[on], np.ones((len(on), 1))]),
        ]
    )
    found = optimize.linprog(
        np.append(-worth, 0.0),
        A_ub=rows,
        b_ub=np.zeros(rows.shape[0]),
        A_eq=np.append(cost, 0.0)[None, :],
        b_eq=[1.0],
        method="highs",
    )
    assert found.status == 0
    solution = go.solve(late.instance(), "throughput_per_cost", slo="require")
    assert solution.status == "optimal", solution
    assert solution.value == pytest.approx(-found.fun, rel=1e-6)
    free = go.solve(late.instance(), "throughput_per_cost", slo=None)
    assert free.value == pytest.approx(float((worth / cost).max()), rel=1e-9)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_least_cost(question: Question, share: float) -> None:
    late, floor = dated(question, 0.2)
    c = reference.columns(late, sharing=False)
    floor = np.maximum(floor, share * np.where(c.ceiling > 0, oracle.references(late.plain)["isolated"], 0.0))
    cost = COST[c.of_type] * np.asarray(c.load.sum(axis=0)).ravel()
    x = reference.best(c, -cost, floor)
    solution = go.solve(late.instance(), "min_cost", share=share)
    if x is None:
        assert solution.status == "infeasible"
        return
    assert solution.status == "optimal", solution
    assert solution.value == pytest.approx(float(cost @ x), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_the_largest_set_of_deadlines_by_trying_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rates, need = rng.uniform(1, 5, (6, 2)), rng.uniform(0.3, 1.2, 6)
    question = by_hand(rates, [1.0, 1.0], steps=need * rates.max(axis=1) * 100.0, deadline_s=[100.0] * 6)
    floor, c = need * rates.max(axis=1), reference.columns(question, sharing=False)
    possible = [
        len(kept)
        for size in range(7)
        for kept in combinations(range(6), size)
        if reference.best(c, np.zeros(c.rate.shape[1]), np.where(np.isin(np.arange(6), kept), floor, 0.0)) is not None
    ]
    found = go.diagnose(question.instance(), "max_sum", slo="require")
    assert not found.feasible
    assert found.largest
    assert len(found.kept) == max(possible)


def test_one_deadline_in_the_way() -> None:
    """Two jobs on one accelerator need 0.7 of it each; a third 0.2. The largest set has two of them."""
    question = by_hand([[1.0]] * 3, [1.0], steps=[70.0, 70.0, 20.0], deadline_s=[100.0, 100.0, 100.0])
    found = go.diagnose(question.instance(), "max_sum", slo="require")
    assert not found.feasible
    assert len(found.kept) == 2
    assert "j2" in found.kept
