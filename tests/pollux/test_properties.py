"""Laws that hold whatever the numbers are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gavelopt as go
from formulations.pollux.apps import sample
from formulations.pollux.fitness import PolluxFitness
from tests.pollux.instances import POWERS, somewhere

FEW = settings(max_examples=15, deadline=None)
SEEDS = st.integers(0, 10_000)


def fitness_of(instance: go.ElasticInstance, plan: go.IntArray, p: float) -> float:
    x = PolluxFitness().speedups(instance).of_plan(plan)
    return go.elastic.bounds.power_mean(x + 1e-3, p)


@FEW
@given(SEEDS)
def test_fitness_does_not_fall_with_p(seed: int) -> None:
    instance = sample(5, 4, seed=seed)
    plan = somewhere(instance, np.random.default_rng(seed))
    values = [fitness_of(instance, plan, p) for p in sorted(POWERS)]
    assert (np.diff(values) >= -1e-12).all()


@FEW
@given(SEEDS, st.sampled_from([-10.0, -1.0, 0.0, 1.0, -np.inf]))
def test_a_node_more_never_hurts(seed: int, p: float) -> None:
    """With a reference that does not depend on the cluster."""
    instance = sample(6, 3, seed=seed)
    policy = PolluxFitness(p=p, base="one_replica")
    small, large = go.solve(instance, policy), go.solve(instance.with_nodes(4), policy)
    assert large.value >= small.value * (1 - 1e-6)


@FEW
@given(SEEDS, st.sampled_from([-1.0, 0.5, -np.inf]))
def test_the_order_of_jobs_does_not_matter(seed: int, p: float) -> None:
    instance = sample(7, 5, seed=seed)
    order = np.random.default_rng(seed).permutation(7)
    one, other = go.solve(instance, "pollux_fitness", p=p), go.solve(instance.take(order), "pollux_fitness", p=p)
    assert one.value == pytest.approx(other.value, rel=1e-6)
    assert len(instance.take([]).jobs) == 0


@FEW
@given(SEEDS)
def test_the_geometric_mean_is_the_limit_at_zero(seed: int) -> None:
    instance = sample(6, 4, seed=seed)
    middle = go.solve(instance, "pollux_fitness", p=0.0).value
    for p in (1e-3, 1e-6, 2e-8, 1e-9, 1e-15):
        near = [go.solve(instance, "pollux_fitness", p=sign * p) for sign in (-1.0, 1.0)]
        assert [s.value for s in near] == pytest.approx([middle, middle], rel=100 * p + 1e-6)
        assert all(s.value <= s.bound * (1 + 1e-7) for s in near)


@FEW
@given(SEEDS, st.sampled_from([-1.0, 1.0]))
def test_sharing_nodes_never_hurts(seed: int, p: float) -> None:
    instance = sample(6, 4, seed=seed)
    apart = go.solve(instance, "pollux_fitness", p=p)
    together = go.solve(instance, "pollux_fitness", p=p, one_distributed_per_node=False)
    assert together.value >= apart.value * (1 - 1e-6)


@settings(max_examples=6, deadline=None)
@given(SEEDS)
def test_a_dearer_restart_never_helps(seed: int) -> None:
    instance = sample(5, 3, seed=seed)
    running = instance.replace(current=somewhere(instance, np.random.default_rng(seed)))
    values = [go.solve(running, "pollux_fitness", restart=factor).value for factor in (0.0, 0.5, 0.9, 1.0)]
    assert (np.diff(values) >= -1e-6).all()
    assert values[-1] == pytest.approx(go.solve(instance, "pollux_fitness").value, rel=1e-6)


@FEW
@given(SEEDS)
def test_noise_makes_large_batches_worth_more(seed: int) -> None:
    """A job with noisier gradients trains at a goodput at least as high, everywhere."""
    instance = sample(4, 4, seed=seed)
    noisier = instance.replace(jobs=instance.jobs.replace(grad_var=10 * instance.jobs.grad_var))
    assert (noisier.goodput >= instance.goodput * (1 - 1e-12)).all()


@FEW
@given(SEEDS, st.floats(0.1, 10.0))
def test_slower_clocks_change_nothing(seed: int, factor: float) -> None:
    """Speedups are ratios: all times in another unit give the same plan's value."""
    instance = sample(5, 4, seed=seed)
    perf = instance.jobs.perf.copy()
    perf[:, :, :6] *= factor
    slower = instance.replace(jobs=instance.jobs.replace(perf=perf))
    assert go.solve(slower, "pollux_fitness").value == pytest.approx(
        go.solve(instance, "pollux_fitness").value, rel=1e-6
    )
