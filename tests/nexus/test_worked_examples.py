"""The figures of the paper and of the lecture."""

from __future__ import annotations

import pytest

import gavelopt as go
from formulations.nexus.latency_split import LatencySplit
from formulations.nexus.squishy import Squishy
from tests.nexus.instances import GPU, abc, lecture

METHODS = ("exact", "greedy", "greedy_repository", "knapsack", "cpsat", "milp")


@pytest.mark.parametrize("method", METHODS)
def test_the_three_residuals_take_two_gpus(method: str) -> None:
    solution = go.solve(abc([64, 32, 32]), "squishy", method=method)
    assert solution.value == 2
    assert solution.status == "optimal"
    assert solution.bound_kind == "proved"


def test_the_greedy_puts_a_and_b_together_at_125_ms() -> None:
    plan = go.solve(abc([64, 32, 32]), "squishy", method="greedy").plan.to_dict()
    assert {"accelerator": "gpu", "count": 1, "duty_cycle_ms": 125.0, "batches": {"A": 8, "B": 4}} in plan["gpus"]
    assert sorted(next(iter(gpu["batches"])) for gpu in plan["gpus"]) == ["A", "C"]


def test_no_third_session_fits_with_a_and_b() -> None:
    instance = abc([64, 32, 32])
    cycle = go.packing.DutyCycle(0, 125_000, (0, 1, 2), (8, 4, 4))
    check = {c.name: c for c in go.packing.check_packing(instance, go.PackingPlan(instance, [cycle]))}
    assert not check["duty cycle"].passed


def test_splitting_does_not_help_the_three() -> None:
    solution = go.solve(abc([64, 32, 32]), Squishy(variant="split"))
    assert (solution.value, solution.status) == (2, "optimal")


def test_the_lecture_needs_eight_whole_gpus_and_one() -> None:
    solution = go.solve(lecture(), "squishy")
    assert (solution.value, solution.bound, solution.status) == (9, 9, "optimal")
    counts = {cycle.batches: cycle.count for cycle in solution.plan.cycles}
    assert counts == {(16,): 8, (13,): 1}  # 100 req/s left: 13 requests in 128 ms


def test_the_repository_loses_the_top_batch_to_its_network_time() -> None:
    """1000 req/s each: 23 GPUs without, 33 with 2 ms, as its own code counts; and never fewer than the paper."""
    instance = abc([1000, 1000, 1000])
    online = Squishy(variant="online")
    assert go.solve(instance, online).value == 23
    assert go.solve(instance, online, network_ms=2.0).value == 33
    assert go.solve(instance, "squishy").value == 23


def test_whole_gpus_of_the_paper() -> None:
    instance = abc([1184, 928, 928])  # 7 x 160 + 64, 7 x 128 + 32, 7 x 128 + 32
    phase = go.packing.saturate(instance, instance.price("gpus"))
    assert phase.whole[:, 0].tolist() == [7, 7, 7]
    assert phase.residual_urps.tolist() == [64_000_000, 32_000_000, 32_000_000]
    assert go.solve(instance, "squishy").value == 23


ALPHA = {  # times X/Y: throughput of the pipeline per GPU for a fan-out of 0.1, 1 and 10
    (40, 60): (192.3, 142.9, 40.0),
    (50, 50): (235.3, 153.8, 34.5),
    (60, 40): (272.7, 150.0, 27.3),
}


def pipeline(alpha: float, slo_ms: float = 1000.0) -> go.PackingInstance:
    """The paper's two models; times are ten times as long so that batches are whole. T_X 200, 250, 300; T_Y 300, 400, 500."""
    x = go.BatchProfile.from_ms("X", "gpu", {80: 400, 125: 500, 180: 600})
    y = go.BatchProfile.from_ms("Y", "gpu", {120: 400, 200: 500, 300: 600})
    root = {"model": "X", "children": [{"model": "Y", "fanout": alpha}]}
    none = go.SessionSet(0, model=(), rate_rps=(), slo_ms=())
    return go.PackingInstance(GPU, [x, y], none, [go.Query.tree("q", 1.0, slo_ms, root)])


@pytest.mark.parametrize(("times", "row"), ALPHA.items())
def test_the_table_of_fan_outs(times: tuple[int, int], row: tuple[float, ...]) -> None:
    batch = {"X": {40: 80, 50: 125, 60: 180}, "Y": {40: 120, 50: 200, 60: 300}}
    x, y = times
    for alpha, expected in zip((0.1, 1.0, 10.0), row, strict=True):
        instance = pipeline(alpha)
        plan = go.SplitPlan(
            [
                [
                    go.packing.StageChoice(0, batch["X"][x], x * 10_000),
                    go.packing.StageChoice(0, batch["Y"][y], y * 10_000),
                ]
            ]
        )
        assert 1.0 / float(sum(plan.gpus(instance)[0])) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize(("alpha", "best"), [(0.1, (60, 40)), (1.0, (50, 50)), (10.0, (40, 60))])
@pytest.mark.parametrize("method", ["staircase", "milp", "exact"])
def test_the_best_split_follows_the_fan_out(alpha: float, best: tuple[int, int], method: str) -> None:
    solution = go.solve(pipeline(alpha), LatencySplit(factor=1), method=method)
    assert solution.status == "optimal"
    assert tuple(choice.budget_us // 10_000 for choice in solution.plan.choices[0]) == best
    assert 1.0 / solution.value == pytest.approx(ALPHA[best][(0.1, 1.0, 10.0).index(alpha)], abs=0.05)
