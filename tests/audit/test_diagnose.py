"""Floors that cannot hold: the conflict by name, and mends that really mend."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

import gavelopt as go
from tests.audit.cases import TABLES, measured, two_types


def deadlines(instance: go.Instance, floor: np.ndarray) -> go.Instance:
    """The instance with deadlines that ask for these rates (0: none)."""
    steps = np.full(len(floor), 100.0)
    with np.errstate(divide="ignore"):
        due = np.where(floor > 0, steps / floor, np.nan)
    jobs = go.JobSet(instance.jobs.names, scale_factor=instance.jobs.scale_factor, steps=steps, deadline_s=due)
    return instance.replace(jobs=jobs)


def can_hold(instance: go.Instance, floor: np.ndarray, extra: np.ndarray | None = None) -> bool:
    """Whether some allocation reaches all floors, by a linear program of our own."""
    rate, member, use = (matrix.toarray() for matrix in instance.space().matrices)
    count = instance.cluster.count + (0.0 if extra is None else extra)
    solved = optimize.linprog(
        np.zeros(rate.shape[1]),
        A_ub=np.vstack([-rate, member, use]),
        b_ub=np.concatenate([-floor * (1 - 1e-9), np.ones(len(floor)), count]),
        bounds=[(0, None if usable else 0) for usable in instance.space().usable],
    )
    return bool(solved.status == 0)


def test_two_floors_on_one_accelerator() -> None:
    instance = deadlines(two_types([[4.0, 0.0], [4.0, 0.0], [4.0, 0.0]], count=(1, 1)), np.array([3.0, 3.0, 0.0]))
    found = go.diagnose(instance, "max_sum", slo="require")
    assert not found.feasible
    assert found.proved
    assert found.reach == pytest.approx(2 / 3)
    assert {str(part) for part in found.conflict} == {"deadlines of a", "deadlines of b", "capacity of fast"}
    assert sum(rate for _, rate in found.shortfall.values()) + 3.0 * (2 - len(found.shortfall)) == pytest.approx(4.0)
    assert len(found.kept) == len(found.dropped) == 1
    assert found.largest
    assert found.more == {"fast": 1.0}
    text = str(found)
    assert "These constraints cannot hold together: capacity of fast; deadlines of a, b." in text
    assert "At most 66.7 % of every floor" in text
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_floor_above_the_fastest_type_contradicts_itself() -> None:
    instance = deadlines(two_types([[4.0, 2.0], [4.0, 2.0]]), np.array([5.0, 1.0]))
    found = go.diagnose(instance, "max_sum", slo="require")
    assert found.beyond == ("a",)
    assert found.conflict == ()
    assert found.dropped == ("a",)
    assert found.shortfall == {"a": (5.0, pytest.approx(4.0))}
    assert found.more == {}
    assert "too slow for its floor: a" in str(found)


def test_floors_that_hold_need_no_mending() -> None:
    instance = deadlines(two_types([[4.0, 2.0], [4.0, 2.0]]), np.array([4.0, 2.0]))
    found = go.diagnose(instance, "max_sum", slo="require")
    assert found.feasible
    assert found.reach == pytest.approx(1.0)
    assert found.kept == ("a", "b")
    assert "Nothing contradicts" in str(found)


def test_the_solution_carries_the_diagnosis_and_the_kept_floors_can_be_solved() -> None:
    instance = deadlines(two_types([[4.0, 0.0], [4.0, 0.0]], count=(1, 0)), np.array([3.0, 3.0]))
    solution = go.solve(instance, "max_sum", slo="require")
    assert solution.status == "infeasible"
    assert "capacity of fast" in solution.message
    kept = go.diagnose(instance, "max_sum", slo="require").kept
    assert go.solve(instance, "max_sum", slo=kept).status == "optimal"


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 6))
def test_every_mend_mends_and_the_conflict_is_minimal(seed: int, jobs: int) -> None:
    rng = np.random.default_rng(seed)
    rates = rng.choice([0.0, 1.0, 2.0, 3.0], (jobs, 2))
    rates[:, 0] = np.maximum(rates[:, 0], 1.0)
    bare = two_types(rates.tolist(), count=(1, 1), scale=rng.integers(1, 2, jobs))
    floor = rng.choice([0.0, 0.5, 1.0], jobs) * rates.max(axis=1)
    instance = deadlines(bare, floor)
    if not (floor > 0).any() or can_hold(bare, floor):
        assert go.diagnose(instance, "max_sum", slo="require").feasible
        return
    found = go.diagnose(instance, "max_sum", slo="require")
    names = list(instance.jobs.names)
    assert not found.feasible
    assert found.proved
    assert can_hold(bare, floor * found.reach)
    assert not can_hold(bare, floor * (found.reach + 1e-3))
    lowered = floor.copy()
    for name, (_, rate) in found.shortfall.items():
        lowered[names.index(name)] = rate
    assert can_hold(bare, lowered)
    kept = np.array([name in found.kept for name in names])
    assert can_hold(bare, np.where(kept, floor, 0.0))
    assert set(found.kept) | set(found.dropped) == {name for name, f in zip(names, floor, strict=True) if f > 0}
    best = max(
        sum(subset)
        for subset in itertools.product((0, 1), repeat=jobs)
        if all(f > 0 for f, s in zip(floor, subset, strict=True) if s) and can_hold(bare, floor * np.array(subset))
    )
    assert len(found.kept) == best
    assert found.more is not None
    extra = np.array([found.more.get(name, 0.0) for name in instance.cluster.accelerators])
    assert can_hold(bare, floor, extra)
    conflict = np.array([any(part.is_floor and part.of == name for part in found.conflict) for name in names])
    assert not can_hold(bare, np.where(conflict, floor, 0.0))
    for job in np.flatnonzero(conflict):
        fewer = np.where(conflict, floor, 0.0)
        fewer[job] = 0.0
        assert can_hold(bare, fewer)


@pytest.mark.parametrize("table", TABLES)
def test_mends_on_measured_tables(shared_data: Path, table: str) -> None:
    drawn = measured(shared_data, table, 64, "12:12:12")
    rng = np.random.default_rng(1)
    floor = np.where(rng.random(64) < 0.6, rng.uniform(0.2, 1.05, 64) * drawn.rates.max(axis=1), 0.0)
    instance = deadlines(drawn, floor)
    found = go.diagnose(instance, "max_sum", slo="require")
    assert found.proved
    assert set(found.beyond) == {
        drawn.jobs.names[int(i)] for i in np.flatnonzero(floor > drawn.rates.max(axis=1) + 1e-9)
    }
    assert go.solve(instance, "max_sum", slo=found.kept).status == "optimal"
    more = dict(found.more or {})
    reachable = tuple(n for n, f in zip(drawn.jobs.names, floor, strict=True) if f > 0 and n not in found.beyond)
    larger = go.solve(instance.adding(more), "max_sum", slo=reachable)
    assert larger.status == "optimal"
    if more:
        assert go.solve(instance, "max_sum", slo=reachable).status == "infeasible"


def test_jobs_that_can_run_nowhere_are_named_with_the_reason() -> None:
    instance = two_types([[4.0, 2.0], [4.0, 0.0], [0.0, 0.0], [np.nan, 0.0]], scale=[1, 2, 1, 1])
    found = go.diagnose(instance, "proportional_fairness")
    assert not found.feasible
    assert dict(found.stuck) == {
        "b": "its gang of 2 is larger than any type it runs on (1)",
        "c": "its rate is 0 on every type",
        "d": "its rates are unknown",
    }
    assert "3 jobs can run on no type" in go.solve(instance, "proportional_fairness").message


def test_pairs_count_when_floors_are_held() -> None:
    table = go.ThroughputTable([[4.0], [4.0]], ["a", "b"], ["v100"], pairs=go.PairTable([[0, 1]], [[[3.0, 3.0]]], 2, 1))
    jobs = go.JobSet(table.jobs, steps=100.0, deadline_s=100.0 / 3.5)
    instance = go.Instance(go.Cluster({"v100": 1}), jobs, table)
    assert go.diagnose(instance, "max_sum", slo="require").reach == pytest.approx(4 / 7)
    shared = go.diagnose(instance, "max_sum", slo="require", space_sharing=True)
    assert shared.reach == pytest.approx(6 / 7)
    assert shared.proved


def test_unknown_options_are_refused() -> None:
    with pytest.raises(go.InputError, match="unknown option 'slow'"):
        go.diagnose(two_types([[4.0, 2.0]]), "max_sum", slow=True)
