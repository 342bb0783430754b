"""The policy's options: what each one means, and what happens to a value out of range; autoscaling."""

from __future__ import annotations

import numpy as np
import pytest

import gavelopt as go
from formulations.pollux.apps import sample
from formulations.pollux.autoscale import autoscale, cluster_utility
from formulations.pollux.fitness import PolluxFitness


@pytest.mark.parametrize(
    "options",
    [
        {"p": 2},
        {"p": float("nan")},
        {"p": "fair"},
        {"p": True},
        {"unallocated": 0.0},
        {"unallocated": np.inf},
        {"base": "best"},
        {"restart": "never"},
        {"restart": 1.5},
        {"one_distributed_per_node": 2},
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(go.InputError, match=f"option '{next(iter(options))}'"):
        go.solve(sample(2, 1), "pollux_fitness", **options)


def test_a_training_instance_is_another_kind() -> None:
    with pytest.raises(go.InputError, match="kind 'elastic'"):
        go.solve(go.examples.gavel(), "pollux_fitness")


def test_the_fair_share_counts_nodes_and_the_old_code_does_not() -> None:
    instance = sample(2, 8, seed=0)  # 16 GPUs for each job: four nodes
    fair, osdi = (
        PolluxFitness().reference_goodput(instance),
        PolluxFitness(base="fair_one_node").reference_goodput(instance),
    )
    ways = instance.configurations
    assert fair == pytest.approx(instance.goodput[:, ways.labels.index("t4 x 16 across nodes")])
    assert (osdi > fair).all()
    one = PolluxFitness(base="one_replica").reference_goodput(instance)
    assert one == pytest.approx(instance.goodput[:, ways.labels.index("t4 x 1")])
    least = PolluxFitness(base="least").reference_goodput(instance)
    assert (least <= one).all()
    small = sample(8, 8, seed=0)  # 4 GPUs each: one node, where both agree
    assert PolluxFitness().reference_goodput(small) == pytest.approx(
        PolluxFitness(base="fair_one_node").reference_goodput(small)
    )


def test_a_fair_share_of_two_types_is_weighted_by_gpus() -> None:
    instance = sample(4, {"t4": 2, "a100": 1}, seed=0)  # 16 GPUs, 4 each
    ways = instance.configurations.labels
    t4, a100 = instance.goodput[:, ways.index("t4 x 4")], instance.goodput[:, ways.index("a100 x 4")]
    assert PolluxFitness().reference_goodput(instance) == pytest.approx((8 * t4 + 8 * a100) / 16)


def test_the_restart_factor() -> None:
    instance = sample(3, 2, age_s=[100.0, 20.0, np.nan], restarts=[2, 2, 0])
    assert PolluxFitness().restart_factor(instance) == pytest.approx([40 / 130, 0.0, 1.0])
    assert PolluxFitness(restart="none").restart_factor(instance).tolist() == [1.0] * 3
    assert PolluxFitness(restart=0.9).restart_factor(instance).tolist() == [0.9] * 3
    running = instance.replace(current=[[1, 0], [0, 1], [1, 0]])
    assert any("unknown age_s" in warning for warning in go.solve(running, "pollux_fitness").warnings)


def test_an_idle_job_costs_what_epsilon_says() -> None:
    instance = sample(5, 1, seed=0)  # 4 GPUs
    for epsilon in (1e-3, 0.1):
        solution = go.solve(instance, "pollux_fitness", unallocated=epsilon)
        x = np.array(solution.details["speedup"])
        assert (x == 0).sum() == 1
        assert solution.value == pytest.approx(1 / np.mean(1 / (x + epsilon)))


def test_a_job_that_can_run_nowhere_is_a_warning_and_costs_epsilon() -> None:
    instance = sample(2, 1, seed=0)
    stuck = instance.replace(jobs=instance.jobs.replace(min_replicas=[9, 1], max_replicas=[9, 64]))
    solution = go.solve(stuck, "pollux_fitness")
    assert any("can run in no configuration" in warning for warning in solution.warnings)
    assert solution.details["gpus"][0] == 0
    assert solution.status == "optimal"


def test_empty_questions() -> None:
    assert go.solve(sample(0, 2), "pollux_fitness").status == "optimal"
    for p in (-1.0, -np.inf):
        nothing = go.solve(sample(2, 0), "pollux_fitness", p=p)
        assert nothing.value == pytest.approx(1e-3)


def test_details_tell_the_batch_sizes() -> None:
    instance = sample(4, 4, seed=0)
    solution = go.solve(instance, "pollux_fitness")
    gpus, local, steps = (np.array(solution.details[k]) for k in ("gpus", "local_batch", "accumulation"))
    total = gpus * local * (steps + 1)
    assert ((total >= instance.jobs.init_batch_size) & (total <= instance.jobs.max_batch_size)).all()
    assert solution.allocation["bert-0" if "bert-0" in solution.allocation.jobs else solution.allocation.jobs[0]]


def test_every_size_of_cluster_is_looked_at_as_planned() -> None:
    instance = sample(6, 16, seed=1)
    found = autoscale(instance)
    inside = [size for size in found.sizes if 0.35 <= size.utility <= 0.65]
    assert found.nodes == min(size.nodes for size in inside)
    assert found.chosen.utility == pytest.approx(
        cluster_utility(instance.with_nodes(found.nodes), found.chosen.solution)
    )
    stays = autoscale(instance, band=(0.0, 1.0))
    assert stays.nodes == 16
    assert len(stays.sizes) == 1
    with pytest.raises(go.InputError, match="band"):
        autoscale(instance, band=(0.5, 0.2))
    with pytest.raises(go.InputError, match="most"):
        autoscale(instance, most=0)
    with pytest.raises(go.InputError, match="one accelerator type"):
        autoscale(sample(2, {"t4": 1, "a100": 1}))


@pytest.mark.parametrize("method", ["exact", "greedy", "pool", "sia", "isolated", "genetic"])
@pytest.mark.parametrize("p", [-1.0, 1.0, -np.inf])
def test_odd_questions_are_answered_by_every_method(method: str, p: float) -> None:
    """A cluster that is full, jobs that fit nowhere, one replica at most, pipelines that do not divide a node."""
    odd = [
        sample(2, 1, preemptible=[False, True]).replace(current=[[4], [0]]),
        sample(3, 2, preemptible=False).replace(current=[[2, 2], [0, 2], [0, 0]]),
        sample(3, 1, min_replicas=8, max_replicas=8),
        sample(2, 2, max_replicas=1),
        sample(5, 2, gpus_per_replica=3),
    ]
    few = {"generations": 3, "population": 10} if method == "genetic" else {}
    for instance in odd:
        solution = go.solve(instance, "pollux_fitness", p=p, method=method, **few)
        assert solution.value is not None, solution.message
        assert solution.value <= solution.bound * (1 + 1e-9)


def test_pinned_jobs_that_break_the_rule_are_infeasible() -> None:
    crowded = sample(3, 2, preemptible=False).replace(current=[[1, 1], [1, 1], [0, 0]])
    solution = go.solve(crowded, "pollux_fitness")
    assert solution.status == "infeasible"
    assert "one_distributed_per_node=False" in solution.message
    assert go.solve(crowded, "pollux_fitness", one_distributed_per_node=False).value is not None
