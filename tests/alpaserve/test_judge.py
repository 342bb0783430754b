"""The judge of placements: what it refuses, what it recomputes, and that its bound is one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

import gavelopt as go
from formulations.alpaserve.examples import random_instance
from formulations.alpaserve.policy import ModelPlacement
from gavelopt.judge.placement import judge_plan
from gavelopt.judge.serving_bound import bound_of_plan, most_work
from tests.alpaserve.placements import good, random_code, tiny

POLICY = ModelPlacement()


def test_a_sound_placement_is_judged_by_its_replay() -> None:
    instance = tiny([[0.0, 0.5, 0.6, 4.0]], stages={1: (1.0,)}, slo=2.0)
    verdict = judge_plan(instance, POLICY, instance.placement([((1, 1), ["m0"])]))
    assert verdict.status == "bounded"
    assert (verdict.value, verdict.bound, verdict.bound_kind) == (0.75, 1.0, "proved")
    both = judge_plan(instance, POLICY, instance.placement([((1, 1), ["m0"])] * 2))
    assert (both.status, both.value, both.gap) == ("optimal", 1.0, 0.0)


@pytest.mark.parametrize(
    ("groups", "broken"),
    [
        ([((1, 1), ["m0"])] * 3, "devices"),
        ([((1, 1), ["m0", "m1", "m2"])], "memory"),
        ([((4, 1), ["m0"])], "profiles"),
    ],
)
def test_what_breaks_a_rule_fails_with_its_name(groups: list, broken: str) -> None:  # type: ignore[type-arg]
    instance = tiny([[0.0], [0.0], [0.0]], stages={1: (1.0,)})
    verdict = judge_plan(instance, POLICY, instance.placement(groups))
    assert verdict.status == "failed"
    assert verdict.value is None
    assert broken in [check.name for check in verdict.checks if not check.passed]
    assert broken in verdict.message


def test_nothing_to_count_is_optimal() -> None:
    instance = tiny([[], []], stages={1: (1.0,)})
    solution = go.solve(instance, "placement", method="search")
    assert (solution.status, solution.value) == ("optimal", 1.0)


def test_most_work_of_a_machine_by_hand() -> None:
    one = np.array([1.0])
    assert most_work(np.array([0.0]), one, np.array([3.0]), 2.0) == 2.0  # 1 s at speed 2
    release, deadline, work = np.array([0.0, 0.0]), np.array([4.0, 1.0]), np.array([3.0, 1.0])
    assert most_work(release, deadline, work, 1.0) == 4.0  # the urgent one first, then all of the other
    assert most_work(release, np.array([2.0, 1.0]), work, 1.0) == 2.0


def test_the_greedy_over_works_solves_its_linear_program() -> None:
    """Variables: work on job r in interval t between event times; maximise sum of done / work."""
    random = np.random.default_rng(5)
    for _ in range(25):
        jobs, speed = 7, float(random.uniform(0.5, 2.0))
        release = np.sort(random.uniform(0, 6, jobs))
        deadline = release + random.uniform(0.3, 4, jobs)
        work = random.choice([0.4, 1.0, 1.7], jobs)
        edges = np.unique(np.concatenate([release, deadline]))
        length = np.diff(edges)
        inside = (edges[None, :-1] >= release[:, None] - 1e-12) & (edges[None, 1:] <= deadline[:, None] + 1e-12)
        cells = np.argwhere(inside)
        rows = [np.where(cells[:, 0] == r, 1.0, 0.0) for r in range(jobs)]
        rows += [np.where(cells[:, 1] == t, 1.0, 0.0) for t in range(len(length))]
        limits = [*work, *(length * speed)]
        best = linprog(-1.0 / work[cells[:, 0]], A_ub=np.array(rows), b_ub=limits)
        assert go.serving.most_jobs(release, deadline, work, speed) == pytest.approx(-best.fun, rel=1e-9, abs=1e-9)
        assert go.serving.most_jobs(release, deadline, work, speed, classes=2) >= -best.fun - 1e-9


def test_no_placement_beats_the_bound() -> None:
    for seed in range(60):
        instance = random_instance(seed, requests=120)
        most = go.serving.bound_good(instance, instance.workload)
        assert most <= instance.workload.counts
        for draw in range(5):
            assert good(instance, random_code(instance, draw)) <= most


def test_the_compiled_bound_is_the_same_function() -> None:
    instance = random_instance(9)
    fast = go.serving.bound_good(instance, instance.workload, measure=go.serving.compiled_work())
    assert fast == go.serving.bound_good(instance, instance.workload)


def test_memory_enters_the_bound() -> None:
    arrivals = [[float(i) for i in range(10)] for _ in range(3)]
    instance = tiny(arrivals, stages={1: (0.01,)}, devices=1, weight=1.0, memory=1.0)
    assert go.serving.bound_good(instance, instance.workload) == 10  # one model fits


def test_a_schedule_is_judged_window_by_window() -> None:
    instance = tiny([[0.0, 0.1], [10.0, 10.1]], stages={1: (1.0,)}, devices=1, memory=1.0)
    first, second = (instance.placement([((1, 1), [name])]) for name in ("m0", "m1"))
    plan = go.PlacementSchedule((0.0, 5.0), (first, second))
    verdict = judge_plan(instance, POLICY, plan)
    assert (verdict.value, verdict.status) == (1.0, "optimal")
    assert judge_plan(instance, POLICY, first).value == 0.5
    assert bound_of_plan(instance, plan) == 4
    allocation = instance.allocation(plan)
    assert list(allocation.accelerators) == ["w0 g0 (1,1)", "w1 g0 (1,1)"]
    assert allocation.shares.tolist() == [1.0, 1.0]


def test_the_allocation_is_the_shared_matrix() -> None:
    instance = random_instance(5)
    code = random_code(instance, 3)
    placement = instance.decode(code)
    allocation = instance.allocation(placement)
    report = go.serving.simulate_serving(instance, placement)
    assert allocation.shares == pytest.approx(report.attainment_per_model)
    seconds = instance.workload.duration_s
    assert allocation.rates.sum() == pytest.approx(report.good.sum() / seconds)
    # each model counts with its own slowest stage, the report with the stage that is busiest for all: never less
    assert (allocation.usage * seconds >= report.busy_s - 1e-9).all()
    assert list(allocation.jobs) == list(instance.models.names)
